"""What is remembered of metrics: the latest words of the families that were spoken of last."""

from gwanje.carry.abouts import Abouts
from gwanje.wire.columns import About

LOAD, OTHER = About("gauge", "Load."), About("counter", "Load?")


def test_what_was_said_is_known_once_and_beside_other_words() -> None:
    abouts = Abouts()
    for said in (LOAD, OTHER, LOAD):
        abouts.note({"load": said})
    assert abouts.known() == {"load": (LOAD, OTHER)}


def test_of_many_words_the_latest_stay() -> None:
    abouts = Abouts()
    for number in range(9):
        abouts.note({"load": About("gauge", str(number))})
    assert [one.help for one in abouts.known()["load"]] == ["5", "6", "7", "8"]


def test_families_of_which_nobody_spoke_longest_go_first() -> None:
    abouts = Abouts(families=2)
    for family in ("a", "b", "a", "c"):
        abouts.note({family: LOAD})
    assert list(abouts.known()) == ["a", "c"]


def test_long_words_are_cut_and_long_names_are_no_metrics() -> None:
    abouts = Abouts()
    abouts.note({"x" * 1000: LOAD, "load": About("gauge", "y" * 5000, "z" * 5000)})
    abouts.note({"load": About("gauge", "y" * 5000, "z" * 5000)})
    ((family, (said,)),) = abouts.known().items()
    assert (family, len(said.help), len(said.unit)) == ("load", 1024, 256)
