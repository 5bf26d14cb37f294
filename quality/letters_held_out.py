"""Invented reports of a second style, kept apart as the test split: no rule is tuned on it.

Other layouts (a box with rules, a key list, a pathology report, a day-ward note, a telegram of an
endoscopy system), other wordings, other names than :mod:`quality.letters`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from quality.letter_sheet import Letter, LetterSheet, words_of

_GIVEN = words_of(
    """Anneliese Burkhard Clemens Dorothea Egon Friederike Gerlinde Hartmut Irmgard Jochen Kornelia Lieselotte
Manfred Nadine Oswald Petra Reinhold Sieglinde Tanja Ulrich Veronika Wilfried Yvonne Zbigniew Agnieszka Bogdan Cem Dilek
Elif Fatih Gülcan Hakan Ioana Jovana Khaled Ljubica Mirela Nikolaos Olga Paolo Rashid Samira Tamás Valentina Wafaa Xenia
Yusuf Zlatan Aurelia Benedikt Ladina Sixtus Roswitha Ansgar Hilke Jörn Levke Merle Nils Swantje Tomke Gregor"""
)
_FAMILY = words_of(
    """Albrecht Bergmann Czerny Dietrich Eichhorn Finkbeiner Gruber Hägele Immermann Jäger Kessler Lohmüller Moosbrugger
Niedermeier Oberhauser Pfeiffer Quandt Reinhardt Steinhäuser Thalmann Uhlig Vollmer Wiesner Zeller Kovačević Horvat
Nowakowska Aydın Yıldız Öztürk Rossi Ferrari Georgiou Haddad Rahimi Szabó Dumitrescu Hernández Oliveira Lindqvist
Bakker Abubakar Schwarzkopf Neumann Haase Brandt Sturm Berg Engel Graf Hahn Pohl Busch Kraus"""
)
_DOUBLE = (
    "Schmidt-Rottluff",
    "Eichhorn-Pohl",
    "von Arnim",
    "van Dyk",
    "zur Mühlen",
    "Freiherr von Stetten",
    "El Khatib",
)
_PLACES = [
    "Bad Mergentheim",
    "Schwäbisch Hall",
    "Neustrelitz",
    "Emmendingen",
    "Pfaffenhofen",
    "Werl",
    "Haßfurt",
    "Rinteln",
    "Oelde",
    "Vechta",
    "Wangen",
]
_WAYS = (
    "Ahornweg",
    "Schillerstr.",
    "Am Bachgrund",
    "Kaiserallee",
    "Breite Straße",
    "Marktplatz",
    "Robert-Koch-Str.",
    "Im Winkel",
)
_HOUSES = ("Caritas-Krankenhaus Bad Mergentheim", "Asklepios Klinik Nord", "Diakonie-Klinikum Schwäbisch Hall",
           "Facharztzentrum Emmendingen", "Marienhospital Vechta", "Klinikum Werl gGmbH", "Medizinisches Versorgungszentrum Oelde")  # fmt: skip
_PAYERS = ("BKK Mobil Oil", "Barmer GEK", "SBK", "HEK Hanseatische Krankenkasse", "Debeka privat", "VIACTIV")
_COLON = (
    "Problemlose Passage bis zum Coecalpol, Intubation des terminalen Ileums über ca. 10 cm.",
    "Coecum, Ascendens und Transversum regelrecht, Haustrierung erhalten, Gefäßzeichnung durchgehend sichtbar.",
    "Bei 35 cm ab Anocutanlinie breitbasiger Polyp von 15 mm Größe (Paris Is), nach Unterspritzung mit NaCl-Adrenalin in Piecemeal-Technik reseziert.",
    "Zwei kleine hyperplastische Polypen im Rectum, mit der Zange entfernt.",
    "Lavage erschwert durch festhaftende Stuhlreste, BBPS 2+2+1.",
    "Divertikel im Descendens und Sigma ohne Hinweis auf frische Entzündung oder Blutung.",
    "Rückzugsdauer 8 Minuten, Gesamtdauer 21 min.",
    "Retroflexion im Rektum: drittgradige innere Hämorrhoiden.",
    "Lymphfollikuläre Hyperplasie im terminalen Ileum, Probeexzisionen in Röhrchen 1.",
)
_STOMACH = (
    "Ösophagusmukosa im unteren Drittel mit longitudinalen Schleimhauteinrissen (LA Grad C).",
    "Kardiaschluss inkomplett, kleine axiale Gleithernie.",
    "Magenschleimhaut mit reichlich Galle bedeckt, im Antrum erosive Veränderungen.",
    "Pylorus frei durchgängig, Bulbus ohne Ulkusnarben, tiefes Duodenum unauffällig.",
    "Fundusdrüsenpolypen, der größte 6 mm, Probebiopsie.",
    "Ösophagusvarizen Grad II nach Paquet mit red colour signs, Gummibandligatur mit sechs Bändern.",
    "Zustand nach Billroth-II-Resektion, Anastomosenulkus, kein Rezidivtumor.",
    "PEG-Anlage in Fadendurchzugsmethode, Diaphanoskopie gut, 15 Charrière.",
)
_PATHOLOGY = (
    "Zwei bis 4 mm große Gewebsproben, komplett eingebettet, HE, PAS, Giemsa.",
    "Tubuläres Adenom mit geringgradiger intraepithelialer Neoplasie, Abtragungsebene frei.",
    "Chronische, gering aktive Gastritis vom Typ B mit Nachweis von Helicobacter pylori.",
    "Kein Anhalt für Malignität in den vorliegenden Schnittstufen.",
    "Immunhistochemisch MLH1 und MSH2 erhalten, Ki-67 bei 15 %.",
    "Becherzellmetaplasie vereinbar mit Barrettmukosa, keine Dysplasie.",
)
_ADVICE = (
    "Bitte Stuhlregulierung mit Macrogol, Wiedereinbestellung bei Beschwerdepersistenz.",
    "Re-Koloskopie in 5 Jahren, Abgleich mit aktueller S3-Leitlinie.",
    "Fortführung der Säurehemmung mit Esomeprazol 2 x 20 mg über vier Wochen.",
    "Schonkost am Untersuchungstag, körperliche Belastung meiden.",
    "Thromboembolieprophylaxe wie besprochen fortführen, ASS 100 kann belassen werden.",
)
_DAY_WARD = (
    "Procedure well tolerated under conscious sedation (midazolam 3 mg, fentanyl 50 mcg).",
    "Terminal ileum intubated; mucosa normal to 12 cm.",
    "Two diminutive polyps at the hepatic flexure, cold forceps removal, both retrieved.",
    "Moderate sigmoid diverticulosis with some luminal narrowing.",
    "Barrett's segment C2M4 by Prague criteria, Seattle protocol biopsies.",
    "Antral erythema; CLO test negative. Duodenum normal to D2.",
    "Oesophageal candidiasis, brushings sent.",
)


class _Story:
    """Whom a report is about, and who took part."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.given, self.family = rng.choice(_GIVEN), self.surname()
        self.born = date(1929, 5, 1) + timedelta(days=rng.randrange(28_000))
        self.when = datetime(2019, 2, 1, 8) + timedelta(minutes=5 * rng.randrange(500_000))
        self.number = f"{rng.randint(1, 99):02}{rng.randint(100_000, 999_999)}"
        self.house = rng.choice(_HOUSES)

    def surname(self) -> str:
        return self.rng.choice(_DOUBLE) if self.rng.random() < 0.15 else self.rng.choice(_FAMILY)

    def doctor(self) -> str:
        title = self.rng.choice(("Dr. med.", "Dr. med.", "PD Dr.", "Prof. Dr.", "Dr. (RO)"))
        first = self.rng.choice((self.rng.choice(_GIVEN), f"{self.rng.choice('CDFGJLNPW')}."))
        return f"{title} {{staff:{first} {self.surname()}}}"

    def place(self) -> str:
        code = self.rng.randint(10_000, 99_999)
        return f"{{address:{self.rng.choice(_WAYS)} {self.rng.randint(1, 99)}}}, {{address:{code} {self.rng.choice(_PLACES)}}}"

    def telephone(self) -> str:
        rng = self.rng
        return rng.choice((f"0{rng.randint(2000, 9999)} / {rng.randint(10, 99)} {rng.randint(100, 999)}-{rng.randint(0, 99)}",
                           f"0049 {rng.randint(200, 999)} {rng.randint(10_000, 999_999)}", f"0{rng.randint(150, 179)}-{rng.randint(1_000_000, 9_999_999)}"))  # fmt: skip

    def asides(self, count: int) -> str:
        rng, relative = self.rng, self.rng.choice(_GIVEN)
        pool = (
            f"Befundbesprechung mit der Tochter, Frau {{name:{relative} {self.family}}}, ist erfolgt.",
            f"Frau {{name:{self.family}}} gibt an, seit Wochen abzunehmen.",
            f"Auswärtiger Vorbefund vom {{date:{rng.randint(1, 28)}. {rng.choice(('Januar', 'März', 'Oktober'))} {rng.randint(2009, 2018)}}}.",
            f"Anruf bei {self.doctor()}, Tel. {{phone:{self.telephone()}}}.",
            f"Herr {{name:{self.given} {self.family}}} wurde mit Begleitperson nach Hause entlassen.",
            f"Auf Wunsch von {{name:{self.given} {self.family}}} keine Sedierung.",
            f"Patient {{name:{self.family}, {self.given}}} nüchtern.",
            f"Eingriff beendet um {{time:{self.when:%H:%M}}} Uhr.",
            f"Die Mutter des Patienten, {{name:{relative} {self.family}}}, verstarb an einem Magenkarzinom.",
            f"Vorstellung im {{institution:{rng.choice(_HOUSES)}}} zur Operation.",
            f"OP-Termin: {{date:{rng.randint(1, 28):02}.{rng.randint(1, 12):02}.}} um {{time:{rng.randint(7, 15)}.30}} Uhr.",
            f"Rückfragen an Schwester {{staff:{rng.choice(_GIVEN)}}} (Pforte {{phone:{self.telephone()}}}).",
        )
        return " ".join(rng.sample(pool, count))


def invent_letter(seed: int) -> Letter:
    """The report of this seed; always the same."""
    rng = random.Random(f"held-out letter {seed}")
    sheet = LetterSheet(rng, size=rng.choice((9.0, 10.0, 10.5)))
    rng.choice((_boxed, _key_list, _pathology, _day_ward, _telegram))(sheet, _Story(rng))
    return sheet.letter()


def _sections(sheet: LetterSheet, y: float, parts: Sequence[tuple[str, str, bool]]) -> float:
    for title, text, clinical in parts:
        if sheet.rng.random() < 0.4:
            y = sheet.paragraph(45, y, f"{title}: {text}", width=490, clinical=clinical) + 6
        else:
            sheet.put(45, y, title)
            y = sheet.paragraph(45, y + 14, text, width=490, clinical=clinical) + 6
    return y


def _boxed(sheet: LetterSheet, story: _Story) -> None:
    """The patient in a box on the right, the examination on the left; signatures side by side."""
    rng = story.rng
    sheet.put(45, 28, f"{{institution:{story.house}}}")
    sheet.put(45, 42, "Abteilung für Gastroenterologie, Endoskopie und Ernährungsmedizin")
    sheet.put(45, 56, f"Leitung: {story.doctor()}")
    sheet.put(340, 80, f"{{name:{story.family}, {story.given}}}")
    sheet.put(340, 94, f"geb. {{birth_date:{story.born:%d.%m.%Y}}} ({rng.choice('mw')})")
    sheet.put(340, 108, story.place())
    sheet.put(340, 122, f"Aufn.-Nr. {{case_number:{story.number}}}")
    sheet.put(45, 80, f"Videokoloskopie am {{date:{story.when:%d.%m.%y}}}")
    sheet.put(45, 94, f"Untersucher/in: {story.doctor()}")
    sheet.put(45, 108, f"Assistenz: {{staff:{rng.choice(_GIVEN)} {story.surname()}}}")
    sheet.fields |= {"birth_date": story.born.isoformat(), "case_number": story.number}
    y = _sections(sheet, 150, (
        ("Indikation", "Hämatochezie, Ausschluss kolorektale Neoplasie.", True),
        ("Befund", " ".join(rng.sample(_COLON, 5)), True),
        ("Procedere", " ".join(rng.sample(_ADVICE, 2)), True),
        ("Bemerkungen", story.asides(rng.randint(1, 3)), False),
    ))  # fmt: skip
    for x in (45, 330):
        sheet.put(x, y + 30, story.doctor())
        sheet.put(x, y + 43, rng.choice(("Leitender Arzt", "Assistenzärztin", "Ltd. Oberarzt")))
    sheet.put(
        45,
        818,
        f"{{institution:{story.house}}} · {story.place()} · Telefon {{phone:{story.telephone()}}} · {{url:www.klinik-{rng.randint(1, 9)}.de}}",
    )


def _key_list(sheet: LetterSheet, story: _Story) -> None:
    """Labels in one column, values in another, as exports of hospital systems have them."""
    rng = story.rng
    sheet.put(45, 30, "Endoskopie-Befundbericht")
    sheet.fields |= {"first_name": story.given, "last_name": story.family, "birth_date": story.born.isoformat(),
                     "examination_date": story.when.date().isoformat(), "case_number": story.number}  # fmt: skip
    rows = (
        ("Nachname", f"{{name:{story.family}}}"),
        ("Vorname", f"{{name:{story.given}}}"),
        ("Geburtsdatum", f"{{birth_date:{story.born:%d.%m.%Y}}}"),
        ("Geschlecht", rng.choice(("männlich", "weiblich"))),
        ("Fallnummer", f"{{case_number:{story.number}}}"),
        ("Untersuchungsdatum", f"{{date:{story.when:%d.%m.%Y}}}"),
        ("Uhrzeit", f"{{time:{story.when:%H:%M}}}"),
        ("Station", f"{{ward:{rng.choice(('C3', 'Innere 2', '7a', 'IMC'))}}}"),
        ("Kostenträger", f"{{insurer:{rng.choice(_PAYERS)}}}"),
        (
            "Versicherten-Nr.",
            f"{{insurance_number:{rng.choice('FGHJLQUVW')}{rng.randint(100_000_000, 999_999_999)}}}",
        ),
        ("Überweiser", story.doctor()),
        ("Endoskop", "EG-760R"),
        ("Seriennummer", f"{{serial_number:1G{rng.randint(100_000, 999_999)}K{rng.randint(10, 99)}}}"),
        (
            "LANR / BSNR",
            f"{{number:{rng.randint(100_000_000, 999_999_999)}}} / {{number:{rng.randint(100_000_000, 999_999_999)}}}",
        ),
    )
    y = 55.0
    for label, value in rows:
        sheet.put(45, y, label)
        sheet.put(210, y, value)
        y += 14
    y = _sections(sheet, y + 14, (
        ("Diagnosen", "Refluxösophagitis, Antrumgastritis, Fundusdrüsenpolypen.", True),
        ("Ösophagogastroduodenoskopie", " ".join(rng.sample(_STOMACH, 5)), True),
        ("Empfehlung", " ".join(rng.sample(_ADVICE, 2)), True),
        ("Verlauf", story.asides(2), False),
    ))  # fmt: skip
    sheet.put(
        45,
        y + 20,
        f"Elektronisch freigegeben durch {story.doctor()} am {{date:{story.when:%d.%m.%Y}}}, {{time:{story.when:%H:%M}}}",
    )


def _pathology(sheet: LetterSheet, story: _Story) -> None:
    rng = story.rng
    sheet.put(45, 28, f"{{institution:Institut für Pathologie {rng.choice(_PLACES)}}}")
    sheet.put(45, 42, story.place())
    sheet.put(360, 28, f"Tel. {{phone:{story.telephone()}}}")
    sheet.put(360, 42, f"Fax {{phone:{story.telephone()}}}")
    for n, text in enumerate((story.doctor(), "Facharzt für Innere Medizin", *story.place().split(", "))):
        sheet.put(45, 80 + 13 * n, text)
    number = f"{{number:H/{story.when:%Y}/{rng.randint(1000, 99999):06}}}"
    sheet.put(45, 150, f"Histologie-Nr.: {number}")
    sheet.put(300, 150, f"Eingang: {{date:{story.when:%d.%m.%Y}}}")
    sheet.put(
        45, 166, f"Patient: {{name:{story.family}, {story.given}}}, *{{birth_date:{story.born:%d.%m.%Y}}}"
    )
    sheet.fields |= {"first_name": story.given, "last_name": story.family}
    y = _sections(sheet, 195, (
        ("Makroskopie", rng.choice(_PATHOLOGY[:1]), True),
        ("Mikroskopie", " ".join(rng.sample(_PATHOLOGY[1:], 3)), True),
        ("Kritischer Bericht", f"Mitteilung an {story.doctor()} am {{date:{story.when + timedelta(days=2):%d.%m.}}} telefonisch. {story.asides(1)}", False),
    ))  # fmt: skip
    sheet.put(45, y + 16, "Mit besten kollegialen Grüßen")
    sheet.put(45, y + 44, f"{{staff:{rng.choice(_GIVEN)} {story.surname()}}}")
    sheet.put(45, y + 57, "Fachärztin für Pathologie")


def _day_ward(sheet: LetterSheet, story: _Story) -> None:
    rng = story.rng
    sheet.put(45, 30, "ENDOSCOPY REPORT")
    sheet.put(
        300,
        30,
        f"{{institution:{rng.choice(('St. Vincent Hospital', 'Queen Mary Day Surgery', 'Northgate Medical Centre'))}}}",
    )
    sheet.fields |= {
        "first_name": story.given,
        "last_name": story.family,
        "birth_date": story.born.isoformat(),
    }
    sheet.put(45, 60, f"Surname: {{name:{story.family.upper()}}}")
    sheet.put(300, 60, f"First name: {{name:{story.given}}}")
    sheet.put(45, 75, f"Date of Birth: {{birth_date:{story.born:%d-%b-%Y}}}")
    sheet.put(
        300,
        75,
        f"NHS No: {{number:{rng.randint(100, 999)} {rng.randint(100, 999)} {rng.randint(1000, 9999)}}}",
    )
    sheet.put(45, 90, f"Procedure date: {{date:{story.when:%d/%m/%Y}}}")
    sheet.put(300, 90, f"Operator: {{staff:{rng.choice(_GIVEN)} {story.surname()}}}")
    y = _sections(sheet, 120, (
        ("Indication", "Iron deficiency anaemia, change in bowel habit.", True),
        ("Findings", " ".join(rng.sample(_DAY_WARD, 5)), True),
        ("Follow-up", f"Results to {rng.choice(('Mr', 'Mrs', 'Ms'))} {{name:{story.family}}} by post. Discussed with her husband {{name:{rng.choice(_GIVEN)}}}. Booked for {{date:{rng.randint(1, 28)} {rng.choice(('June', 'Sept', 'December'))} 2025}}.", False),
    ))  # fmt: skip
    sheet.put(
        45,
        y + 20,
        f"Signed: Dr {{staff:{rng.choice(_GIVEN)} {story.surname()}}}, Consultant Gastroenterologist",
    )
    sheet.put(45, 820, f"{{name:{story.family}}}, {{name:{story.given}}}")


def _telegram(sheet: LetterSheet, story: _Story) -> None:
    """Dense lines of an endoscopy system, with the patient again on top of the second page."""
    rng = story.rng
    line = (
        f"{{name:{story.family}^{story.given}}}"
        if " " not in story.family
        else f"{{name:{story.family}, {story.given}}}"
    )
    sheet.put(
        45,
        24,
        f"Pat.: {line} | Geb.: {{birth_date:{story.born:%d.%m.%Y}}} | PID: {{case_number:{story.number}}} | {{date:{story.when:%d.%m.%Y}}} {{time:{story.when:%H:%M:%S}}}",
    )
    sheet.fields |= {
        "first_name": story.given,
        "last_name": story.family,
        "birth_date": story.born.isoformat(),
        "case_number": story.number,
    }
    y = _sections(sheet, 70, (
        ("Untersuchung", "Koloskopie mit Polypektomie", True),
        ("Team", f"{story.doctor()}; Sr. {{staff:{rng.choice(_GIVEN)}}}", False),
        ("Befund", " ".join(rng.sample(_COLON, 4)), True),
    ))  # fmt: skip
    sheet.new_page()
    sheet.put(
        45,
        24,
        f"{{name:{story.family}}} {{name:{story.given}}} / {{birth_date:{story.born:%d.%m.%Y}}} / {{case_number:{story.number}}}",
    )
    y = _sections(sheet, 80, (
        ("Beurteilung", " ".join(rng.sample(_ADVICE, 2)), True),
        ("Ergänzung", story.asides(3), False),
    ))  # fmt: skip
    sheet.put(45, y + 20, f"gez. {story.doctor()}")
