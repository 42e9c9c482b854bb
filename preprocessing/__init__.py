"""Everything between stored examples and model inputs. Imports nothing else of ours."""
