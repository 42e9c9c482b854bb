"""What a cell is to the stock TFX reader and to us, one cell at a time and by the array."""

import io

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.example_gen.columns.cells import CellFacts, CellType, is_integer, is_number, stock_type

# Text near the border between number and text, where two readers can disagree.
CELLS = st.one_of(
    st.from_regex(r"\A[ +-]?[0-9_]{0,21}\.?[0-9]{0,4}([eE][+-]?[0-9]{1,3})? ?\Z"),
    st.sampled_from(
        ["nan", "NaN", "-inf", "Infinity", "0x10", "1e400", "\uff11\uff12", "1,000", "\t5", "5\x0b", "-0", "--1"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), min_size=1, max_size=6),
).filter(bool)


def facts_of(cells: list[str]) -> CellFacts:
    facts = CellFacts()
    facts.update(pa.array(cells, pa.string()))
    return facts


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("", CellType.EMPTY),
        ("5", CellType.INT),
        ("-007", CellType.INT),
        (" 5 ", CellType.INT),
        ("1_000", CellType.INT),
        ("9223372036854775807", CellType.INT),
        ("9223372036854775808", CellType.STRING),
        ("5.0", CellType.FLOAT),
        ("1e5", CellType.FLOAT),
        ("nan", CellType.FLOAT),
        ("NA", CellType.STRING),
        ("1,5", CellType.STRING),
    ],
)
def test_the_stock_readers_rule(cell: str, expected: CellType) -> None:
    assert stock_type(cell) is expected


@pytest.mark.slow
def test_the_rule_is_the_one_in_tfx_bsl() -> None:
    from tfx_bsl.coders import csv_decoder

    @given(CELLS)
    def same(cell: str) -> None:
        theirs = csv_decoder._InferValueType(cell.encode())
        assert stock_type(cell).name == theirs.name

    same()


@given(st.lists(CELLS, max_size=5), st.lists(CELLS, max_size=5))
def test_merging_is_as_reading_at_once(left: list[str], right: list[str]) -> None:
    merged = facts_of(left)
    merged.merge(facts_of(right))
    at_once = facts_of(left + right)
    assert (merged.kind, merged.integers) == (at_once.kind, at_once.integers)
    assert (merged.first_text, merged.first_fraction) == (at_once.first_text, at_once.first_fraction)


@given(CELLS.filter(lambda cell: '"' not in cell and "," not in cell))
def test_what_we_call_a_number_is_what_arrow_converts(cell: str) -> None:
    if facts_of([cell]).kind != "number":
        return
    options = pa_csv.ConvertOptions(column_types={"a": pa.float64()}, null_values=[])
    read = pa_csv.read_csv(io.BytesIO(f"a,b\n{cell},1\n".encode()), convert_options=options)["a"][0].as_py()
    assert read == float(cell) or (read != read and float(cell) != float(cell))


@given(CELLS)
def test_what_arrow_converts_is_what_we_call_a_number(cell: str) -> None:
    """`convert` trusts Arrow's parser with whole columns, except where it finds NaN."""
    trimmed = cell.strip(" \t")
    try:
        value = pa.array([trimmed]).cast(pa.float64())[0].as_py()
    except pa.ArrowInvalid:
        return
    assert value != value or is_number(pa.array([trimmed]))[0].as_py()


@given(CELLS)
def test_an_integer_is_what_python_reads_too(cell: str) -> None:
    if is_integer(pa.array([cell]))[0].as_py():
        assert -(2**63) <= int(cell) < 2**63
        assert str(int(cell)) == cell.strip(" \t").lstrip("+").replace("-0", "0") or cell.strip(" \t") == "-0"


@pytest.mark.parametrize(
    ("cell", "plain", "fits"),
    [
        ("9223372036854775807", True, True),
        ("-9223372036854775808", True, True),
        ("9223372036854775808", False, False),
        ("-9223372036854775809", False, False),
        ("99999999999999999999", False, False),
        (" 9223372036854775807\t", False, True),
        (" 9223372036854775808", False, False),
        ("+7", False, True),
        ("07", False, False),
        ("0x10", False, False),
        ("7.0", False, False),
    ],
)
def test_integers_at_the_border_of_64_bits(cell: str, plain: bool, fits: bool) -> None:
    facts = facts_of([cell])
    assert facts.integers is plain
    assert (facts.first_fraction is None) is fits


@given(CELLS)
def test_a_plain_integer_is_the_same_as_text_and_as_number(cell: str) -> None:
    facts = facts_of([cell])
    if facts.integers and facts.any_number:
        assert str(int(cell)) == cell
        assert -(2**63) <= int(cell) < 2**63


@pytest.mark.parametrize(
    ("cells", "kind", "integers", "zeros"),
    [
        (["1", "-2", "0"], "number", True, False),
        (["1", "+2"], "number", False, False),
        (["01234", "5"], "number", False, True),
        (["0.5", "0"], "number", False, False),
        (["1", "x"], "mixed", False, False),
        (["x", "y"], "text", False, False),
        (["0x10"], "text", False, False),
        (["1_000"], "text", False, False),
        ([], "empty", True, False),
    ],
)
def test_kinds(cells: list[str], kind: str, integers: bool, zeros: bool) -> None:
    facts = facts_of(cells)
    assert (facts.kind, facts.integers, facts.leading_zeros) == (kind, integers, zeros)
