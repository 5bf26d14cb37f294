"""Words that are names as well: what stands beside them decides."""

from __future__ import annotations

import pytest

from endoreg_db.deid.reports.places import Place
from endoreg_db.deid.reports.sheets import Token, lay_out
from endoreg_db.deid.reports.verdicts import Verdict, judge
from tests.report_text import gone_from, in_body, page_of


def flow_of(text: str) -> list[Token]:
    return list(lay_out(page_of(text)).tokens)


def verdict_on(word: str, text: str, *, names: tuple[str, ...] = ()) -> Verdict:
    flow = flow_of(text)
    named = [n for n, token in enumerate(flow) if token.core in names]
    index = next(n for n, token in enumerate(flow) if token.core == word)
    return judge(Place(flow, index, named, named))


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("Stein", "Im Gang ein kleiner Stein bei 3 cm."),
        ("Winter", "Beschwerden seit dem letzten Winter."),
        ("Kopf", "Raumforderung im Kopf des Pankreas."),
        ("Crohn", "Verdacht auf Morbus Crohn."),
        ("Barrett", "Barrett C2M4 bekannt."),
        ("Wasser", "Spülung mit warmem Wasser."),
    ],
)
def test_an_article_an_adjective_or_the_trade_beside_it_makes_it_a_word(word: str, text: str) -> None:
    assert verdict_on(word, text) is Verdict.KNOWN


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("Stein", "Der Eingriff wurde von Stein durchgeführt."),
        ("Hering", "Die von Hering gelegte Sonde lag gut."),
        ("Lust", "Der Vorschlag stammt von Lust aus dem Team."),
        ("Klammer", "Den Eingriff leitete Klammer gestern."),
        ("Wade", "Kommt montags zu Wade zur Infusion."),
        ("Kern", "Die Chirurgie (Kern) stimmt zu."),
        ("Amsel", "Amsel (Strahlentherapie) stimmt zu."),
        ("Frost", "Frost berichtet über Schmerzen."),
        ("Salz", "Salz wurde telefonisch informiert."),
        ("Field", "I have asked Field to review this."),
        ("Wald", "Wald was present throughout."),
        ("Bont", "Anruf von de Bont am Abend."),
        ("Weiß", "Es kam Nachbarin Weiß vorbei."),
    ],
)
def test_somebody_who_does_or_is_named_makes_it_a_name(word: str, text: str) -> None:
    assert verdict_on(word, text) is Verdict.STRANGER


def test_an_everyday_word_in_a_list_of_names_is_one() -> None:
    assert (
        verdict_on("Wende", "operiert von Wende und Quastenbarg", names=("Quastenbarg",)) is Verdict.STRANGER
    )
    assert verdict_on("Stein", "mit Quastenbarg, Odermatt und Stein", names=("Quastenbarg", "Odermatt")) is (
        Verdict.STRANGER
    )


def test_a_letter_that_says_the_sort_is_no_initial() -> None:
    assert gone_from(in_body("Bestimmung von Vitamin D. Bei Fieber Vorstellung.")) == []
    assert gone_from(in_body("Befund an T. Winter gesandt.")) == ["T.", "Winter"]


def test_an_unknown_drug_with_its_dose_stays_and_an_unknown_caller_goes() -> None:
    assert gone_from(in_body("Weiter täglich Zyrtolex 40 mg am Abend.")) == []
    assert gone_from(in_body("Gestern rief Zyrtolex an und fragte nach.")) == ["Zyrtolex"]
