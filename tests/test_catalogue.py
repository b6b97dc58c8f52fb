"""The catalogue of messages: complete, current, and nothing that people read is left out of it."""

import copy
import pickle
import sys

import pytest
from support import ROOT

from ppghost import i18n
from ppghost.data.transforms.operation import BadImage
from ppghost.errors import InputError
from ppghost.i18n import Message, message_of, tr, tr_as, translate

sys.path.insert(0, str(ROOT / "tools"))
import messages

sys.path.pop(0)


@pytest.fixture(scope="module")
def found():
    """Everything in the source that people read; it takes seconds."""
    return messages.collect()


@pytest.fixture(scope="module")
def catalog():
    return messages.read_catalog()


def keys(catalog):
    return {messages.Text(message.id, message.context) for message in catalog if message.id}


def test_the_catalogue_has_every_text_of_the_source_and_no_other(found, catalog):
    assert keys(catalog) == set(found.texts), "run: make messages"
    assert not catalog.obsolete


def test_every_text_is_translated_and_none_by_guess(catalog):
    assert messages.untranslated(catalog) == []
    assert not [message.id for message in catalog if message.id and message.fuzzy]


def test_translations_are_filled_in_with_the_same_values(found, catalog):
    for text, (_, percent) in found.texts.items():
        ours = text.id if isinstance(text.id, str) else text.id[-1]
        message = catalog.get(text.id, text.context)
        for theirs in messages.strings_of(message):
            # named ones may stand in another order
            order = sorted if "%(" in ours else list
            if percent:
                assert order(messages.percents(theirs)) == order(messages.percents(ours)), ours
            else:
                assert messages.fields(theirs) == messages.fields(ours), ours


def test_the_compiled_catalogue_is_of_the_one_that_is_translated(catalog):
    compiled = messages.PO.with_suffix(".mo").read_bytes()
    assert compiled == messages.mo_bytes(catalog), "run: make messages"


def test_nothing_that_people_read_is_left_unmarked(found):
    assert found.problems == []


def problems_of(source):
    """What is wrong with a module."""
    nodes = messages.module_nodes(source)
    found = messages.Found({}, [])
    messages.collect_module(nodes, "x.py", messages.error_classes([nodes]) | {"InputError"}, found)
    return [problem.partition(": ")[2] for problem in found.problems], {t.id for t in found.texts}


@pytest.mark.parametrize(
    "source",
    [
        'raise InputError(f"{x} is bad")',
        'raise InputError("a text, " + x)',
        'raise type(error)(f"{x} is bad")',
        'raise InputError(f"{x} is bad" if x else "is bad")',
        'raise ValueError("it is bad")',
        'raise ValueError(f"{x} is bad")',
        'logger.warning(f"{x} is bad")',
        'parser.add_argument("--x", help=f"of {x}")',
        'tr(f"{x} is bad")',
        'say(f"{x} is bad")',
        'raise InputError("{x} is bad", y=1)',
        'tr("{x} is bad").format(y=1)',
    ],
)
def test_a_text_that_cannot_be_translated_is_a_problem(source):
    problems, _ = problems_of(source)
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('raise InputError("{x} is bad", x=x)', "{x} is bad"),
        ("class Other(TranslatableError): pass\nOther('bad {x}', x=x)", "bad {x}"),
        ('raise ValueError(tr("{x} is bad").format(x=x))', "{x} is bad"),
        ('logger.warning("%s is bad", x)', "%s is bad"),
        ('parser.add_argument("--x", help="how many")', "how many"),
        ('say("{x} is bad", x=x)', "{x} is bad"),
        ('say("is bad" if x else y)', "is bad"),
    ],
)
def test_a_text_is_found_where_it_stands(source, text):
    assert problems_of(source) == ([], {text})


@pytest.mark.parametrize(
    "source",
    ['logger.info("[Train]%s loss", x)', 'logger.info("%s: %d", x, 1)', 'raise RuntimeError("no")'],
)
def test_what_programs_read_and_defects_are_no_texts(source):
    assert problems_of(source) == ([], set())


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
        ({"LC_MESSAGES": "zh_CN", "LC_ALL": "C"}, "en"),
        ({"LC_ALL": "POSIX", "LANGUAGE": "zh_CN:en"}, "zh"),
        ({"LANGUAGE": "en:zh"}, "en"),
        ({"LANGUAGE": "fr:zh-CN:en"}, "zh"),
        ({"LANGUAGE": "C:zh"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANGUAGE": "", "LANG": "zh_CN"}, "zh"),
    ],
)
def test_the_language_is_that_of_the_environment_in_gettexts_order(environment, language):
    assert i18n.environment_language(environment) == language


def test_a_message_is_english_and_can_be_said_in_chinese():
    message = tr("{path}: cannot be read ({reason})").format(path="a", reason="b")
    assert message == "a: cannot be read (b)"
    assert str(message) == message
    assert translate(message) == message
    assert translate(message, "zh") == "a: 无法读取（b）"


def test_what_messages_are_put_together_of_is_said_too():
    inner = BadImage("is an empty file")
    with pytest.raises(InputError) as raised:
        raise InputError("{where}: image {path} {error}", where="x", path="y", error=inner)
    assert str(raised.value) == "x: image y is an empty file"
    assert translate(raised.value, "zh") == "x: 图像 y 是空文件"
    joined = tr("; ").join([message_of(inner), "b"]) + tr("ratios")
    assert joined == "is an empty file; bratios"
    assert translate(joined, "zh") == "是空文件；b比值"
    path = InputError("{path}: {error}", path="here", error=inner)
    assert translate(message_of(path).removeprefix("here: "), "zh") == "是空文件"


def test_what_the_system_says_is_said_in_chinese():
    error = InputError("{path}: cannot be run ({strerror})", path="a", strerror="Permission denied")
    assert translate(error, "zh") == "a: 无法运行（权限不足）"


def test_a_text_may_be_two_things():
    assert translate(tr(", "), "zh") == "，"
    assert translate(tr_as("between names", ", "), "zh") == "、"


def test_messages_pass_between_processes():
    error = InputError("{where}: {error}", where="x", error=BadImage("is an empty file"))
    assert translate(pickle.loads(pickle.dumps(error)), "zh") == "x: 是空文件"
    assert translate(copy.deepcopy(message_of(error)), "zh") == "x: 是空文件"
    assert translate(i18n.unpacked(i18n.packed(error)), "zh") == "x: 是空文件"


def test_an_error_in_a_message_keeps_no_frames():
    try:
        raise BadImage("is an empty file")
    except BadImage as error:
        message = Message("{error}").format(error=error)
    _, _, _, values = message._made
    assert not isinstance(values["error"], BaseException)
