"""What somebody lives of, told without a label: by itself, behind an age or an article, in any form."""

from __future__ import annotations

import pytest

from tests.report_text import assert_gone


@pytest.mark.parametrize(
    ("sentence", "gone"),
    [
        ("Der 58-jährige Dachdecker klagt über Schmerzen.", ["Dachdecker"]),
        ("Er ist Landwirt im Ruhestand und trinkt selten.", ["Landwirt", "im", "Ruhestand"]),
        ("Vorstellung des Gymnasiallehrers wegen Reizdarm.", ["Gymnasiallehrers"]),
        ("Die Bergführerin stürzte gestern.", ["Bergführerin"]),
        ("Als Versicherungsvertreter viel unterwegs.", ["Versicherungsvertreter"]),
        ("Der 64-jährige Apotheker raucht nicht.", ["Apotheker"]),
        ("I reviewed this 45 year old warehouse manager in clinic.", ["warehouse", "manager"]),
        ("Thank you for seeing this retired engineer with dysphagia.", ["retired", "engineer"]),
        ("She is a dinner lady and a school librarian at home.", ["school", "librarian"]),
        ("Cattle rancher near the border, kicked by a steer.", ["Cattle", "rancher"]),
        ("Mrs Okonkwo is a bank clerk and prefers mornings.", ["bank", "clerk"]),
        ("Ex-smoker, occupation home health aide.", ["home", "health", "aide."]),
        ("Die Patientin ist berufstätig (Bankkauffrau) und am Abend erreichbar.", ["(Bankkauffrau)"]),
        ("He was exposed to beryllium as a day care worker at the plant.", ["day", "care", "worker"]),
        ("Wir überweisen Frau Delić, Reinigungskraft, zur Koloskopie.", ["Reinigungskraft,"]),
        ("Specimen from a 52F crossing guard with bleeding.", ["crossing", "guard"]),
    ],
)
def test_a_calling_goes(sentence: str, gone: list[str]) -> None:
    assert_gone(sentence, gone)


@pytest.mark.parametrize(
    "sentence",
    [
        "Die Nachsorge übernimmt der Hausarzt in drei Wochen.",
        "Anleitung durch die Stomatherapeutin ist erfolgt.",
        "Discussed with a nurse and the on-call registrar.",
        "The retired gentleman was referred with anaemia.",
        "Ein Schrittmacher wurde abgefragt und war unauffällig.",
        "Die Wirtszelle des Parasiten ist unbekannt.",
    ],
)
def test_who_cares_for_the_patient_and_what_is_no_calling_stays(sentence: str) -> None:
    assert_gone(sentence, [])
