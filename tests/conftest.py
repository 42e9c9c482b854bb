"""What holds for all tests."""

import signal

# A shell gives SIGINT ignored to what it starts in the background, and so on to the processes that tests send it to.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
