"""How components/smoke_test/checks/allowed_ops.txt was made: TensorFlow's operations, less what a rule leaves out.

After an update of TensorFlow, review what changes:

    PYTHONPATH=tests python -m support.op_rule > components/smoke_test/checks/allowed_ops.txt
"""

import re
import sys

import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session

LEFT_OUT = {
    "files": r"""ReadFile WriteFile MatchingFiles .*Reader.* RecordInput ImmutableConst LoadAndRemapMatrix
        GenerateVocabRemapping FixedUnigramCandidateSampler Skipgram FileSystemSetConfiguration
        (Experimental)?(TextLine|TFRecord|FixedLengthRecord|CSV|LMDB|Sql|MatchingFiles)Dataset(V\d)?
        (Experimental)?DatasetToTFRecord Snapshot(Chunk|Nested)?Dataset.* ListSnapshotChunksDataset
        (Save|Load|Cache)Dataset(V\d)?""",
    "checkpoints": r"(Save|Restore)(V2|Slices?)? MergeV2Checkpoints DistributedSave",
    "logs": r"""(Create|Close|Flush)?Summary.*Writer.* CreateSummary.* Write\w*Summary ImportEvent .*StatsAggregator.*
        Debug.* Copy(Host)? DumpTensor""",
    "Python": r".*PyFunc.*",
    "the process itself": r"Abort .*Sleep.*",
    "other processes": r"""Rpc.* DataService.* RegisterDataset(V\d)? RemoteCall Send Recv WorkerHeartbeat
        (Get|Delete)Session.*""",
    "other devices": r"""Collective.* Nccl.* .*TPU.* (In|Out)feed.* Prelinearize.* CrossReplicaSum AllToAll SyncDevice
        .*(XlaSplitND|XlaConcatND).* .*HostCompute.* .*SparseCore.* .*Minibatch.* XlaSparseDenseMatmul.* GlobalIterId
        .*MultiDeviceIterator.*""",
    "programs hidden in data": r"DatasetFromGraph DeserializeIterator .*StringHandle.*",
}
"""What an operation may not touch, as full names or patterns of names."""
HIDDEN = {
    *("QuantizedConcatV2", "XlaBroadcastHelper", "XlaConv", "XlaConvV2", "XlaDot", "XlaDotV2", "XlaDynamicSlice"),
    *("XlaDynamicUpdateSlice", "XlaEinsum", "XlaGather", "XlaIf", "XlaKeyValueSort", "XlaOptimizationBarrier"),
    *("XlaPad", "XlaReduce", "XlaReducePrecision", "XlaReduceWindow", "XlaRngBitGenerator", "XlaScatter"),
    *("XlaSelectAndScatter", "XlaSelfAdjointEig", "XlaSort", "XlaSvd", "XlaVariadicReduce", "XlaVariadicReduceV2"),
    *("XlaVariadicSort", "XlaWhile"),
}
"""Pure computation that tf.raw_ops leaves out."""
HEADER = f"""\
# The operations that an exported model may hold, one a line: TensorFlow {tf.__version__}'s that compute, nothing else.
# Made by tests/support/op_rule.py: all of tf.raw_ops and some XLA operations, less everything that touches
# {", ".join(LEFT_OUT)}.
# Some are allowed with conditions, which components/smoke_test/checks/ops.py and assets.py check: PrintV2, EncodeProto,
# DecodeProtoV2, InitializeTableFromTextFile, InitializeTableFromTextFileV2.
"""


def registered_ops() -> frozenset[str]:
    """Every operation that this TensorFlow knows."""
    ops = op_def_pb2.OpList()
    ops.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    return frozenset(op.name for op in ops.op)


def left_out(op: str) -> str | None:
    """What the operation touches; None when the rule has nothing against it."""
    matching = (why for why, names in LEFT_OUT.items() if any(re.fullmatch(name, op) for name in names.split()))
    return next(matching, None)


def allowed_ops() -> list[str]:
    """The list as the rule makes it, in order."""
    known = registered_ops() & (set(dir(tf.raw_ops)) | HIDDEN)
    return sorted(op for op in known if left_out(op) is None)


if __name__ == "__main__":
    sys.stdout.write(HEADER + "\n".join(allowed_ops()) + "\n")
