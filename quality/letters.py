"""Invented endoscopy letters in four layouts, German and English: the split that rules may be tuned on.

Its counterpart, :mod:`quality.letters_held_out`, has other layouts, wordings and names; nobody tunes on it.
"""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta

from quality.letter_sheet import Letter, LetterSheet, words_of

_FIRST = words_of(
    """Erika Jürgen Zoë Ayşe Łucja Søren Mehmet Björn Marie-Luise Karl-Heinz François Dörte Anđela Michał
Günther Inês Ursula Hans-Jörg Sinéad Mattias Aleksandra Uwe Gül Ildikó Nguyen Thi Fatima Mohammed Oksana Dragan
Giovanni Kwame Priya Yuki Ingeborg Heinz Waltraud Kevin Chantal Rosa Viola August Emre Zeynep Pjotr Svetlana Amadou
Thaddäus Friedhelm Quirin Ludmilla Hildegunde Ottokar Mandy Jacqueline Torben Wiebke Tjark Enrico Said Leyla Hatice
Grzegorz Zdzisława Vasile Ionuț Eleni Kostas Haruto Ngozi Chukwuemeka Binh Mei-Ling Jan Jo Li Ute Kai"""
)
_LAST = words_of(
    """Müller Groß Özdemir Kowalczyk Meyer-Lüdenscheid Jurić Çelik Ångström O'Connor Weißenfels Łukaszewicz Jørgensen
Peña Strauß-Förster Ng Yılmaz Schäfer Lefèvre Kaya Schmidt Hübner-Kraft d'Angelo Großmann Bäcker Wójcik Şahin Krüger
Hofmann Köhler-Brandt Schwarz Klein Stein Winter Lang Koch Wolf Vogel Richter Kaiser Sommer Weber Papadopoulos Nguyen
Okonkwo Dąbrowski Schulze-Wermeling Fuchs Zimmermann Baumgärtner Hinterhuber Achternbusch Tran Petrović Ivanova Özgür
Brecht Blum Beck Roth Jung Kurz Krause Lehmann Schreiber Popescu Demir Szymański Ostermann Feldkamp Gül Ries Öz"""
)
_PARTICLES = (
    "von der Heide",
    "de la Cruz",
    "van den Berg",
    "zu Löwenstein",
    "v. d. Heide",
    "von Bülow",
    "al-Hamadi",
    "Di Marco",
)
_TOWNS = words_of(
    """Musterstadt Heidelberg Fulda Oberammergau Bad-Homburg Wanne-Eickel Itzehoe Neustadt Halle Essen Singen
Castrop-Rauxel Königs-Wusterhausen Delitzsch Buxtehude Hückeswagen Zwiesel Prüm"""
)
_STREETS = ("Rosenweg", "Hauptstraße", "Goethestr.", "Am Alten Markt", "Lindenallee", "Schloßplatz", "Heinrich-Heine-Straße",
            "An der Mühle", "Unter den Eichen", "Kirchgasse", "Dr.-Külz-Ring", "Bahnhofstraße")  # fmt: skip
_CLINICS = ("Klinikum am Musterpark", "St.-Elisabeth-Krankenhaus", "Universitätsklinikum Heidelberg", "MVZ Gastroenterologie Fulda",
            "Praxis Dr. Sonnenschein", "Kreiskrankenhaus Itzehoe", "Krankenhaus der Barmherzigen Brüder",
            "Rems-Murr-Klinikum", "Gemeinschaftspraxis am Rathaus", "Helios Klinik Delitzsch")  # fmt: skip
_DEPARTMENTS = ("Medizinische Klinik II – Gastroenterologie", "Innere Medizin und Hepatologie", "Interdisziplinäre Endoskopie",
                "Zentrum für Innere Medizin")  # fmt: skip
_INSURERS = ("AOK Hessen", "Techniker Krankenkasse", "BARMER", "DAK-Gesundheit", "IKK classic", "Knappschaft")
_FINDINGS = (
    "Digital-rektal unauffällig, Sphinktertonus regelrecht.",
    "Einführen des Gerätes bis in das terminale Ileum; Zökum anhand von Appendixabgang und Ileozökalklappe identifiziert.",
    "Vorbereitung gut (Boston Bowel Preparation Scale 3-3-2). Rückzugszeit 9:30 min.",
    "Im Colon ascendens flach erhabener Polyp (Paris 0-IIa), 8 mm, Abtragung mit kalter Schlinge, Bergung zur Histologie.",
    "Im Sigma mehrere reizlose Divertikel. Übrige Schleimhaut mit regelrechter Gefäßzeichnung.",
    "In Inversion im Rektum Hämorrhoiden Grad I.",
    "Im distalen Ösophagus streifige Erosionen, Los Angeles Grad B; Z-Linie bei 38 cm ab Zahnreihe.",
    "Axiale Hiatushernie von 3 cm Länge. Kein Barrett-Epithel.",
    "Antrumgastritis mit fleckiger Rötung; Biopsien aus Antrum und Korpus zum Nachweis von Helicobacter pylori.",
    "Bulbus duodeni und Pars descendens unauffällig, keine Atrophie der Zotten.",
    "Ulcus ventriculi an der kleinen Kurvatur, Forrest III, 12 mm messend, mehrfach biopsiert.",
    "Leukozyten 12.300/µl, Hb 9,8 g/dl, CRP 45 mg/l, Thrombozyten 250000/µl, INR 1,1.",
    "OPS 5-452.61, ICD-10 K63.5 und K57.30.",
    "Sedierung mit Propofol 120 mg und Midazolam 2 mg i.v. unter Monitoring von Sauerstoffsättigung und Blutdruck.",
    "Keine Perforation, keine relevante Nachblutung. Applikation von zwei Hämoclips.",
    "Z. n. Sigmaresektion wegen Divertikulitis, Anastomose bei 20 cm reizlos.",
    "V. a. Morbus Crohn des terminalen Ileums, aphthöse Läsionen, Stufenbiopsien entnommen.",
    "Argon-Plasma-Koagulation von drei Angiodysplasien im Zökum.",
    "Schleimhaut im gesamten Kolon ödematös, vulnerabel, Mayo-Score 2.",
    "Papilla Vateri normal konfiguriert, selektive Kanülierung des DHC, Papillotomie und Steinextraktion.",
)
_ASSESSMENT = (
    "Kolonpolyp, Abtragung in toto. Sigmadivertikulose ohne Entzündungszeichen.",
    "Kontrollkoloskopie in Abhängigkeit von der Histologie, voraussichtlich in drei Jahren.",
    "Refluxösophagitis, PPI-Therapie mit Pantoprazol 40 mg 1-0-0 für acht Wochen.",
    "Bei Nachweis von Helicobacter pylori Eradikation empfohlen.",
    "Nüchternheit bis zwei Stunden nach dem Eingriff, keine aktive Teilnahme am Straßenverkehr.",
    "Bei Fieber, Schmerzen oder Blutabgang bitte sofortige Wiedervorstellung.",
    "Antikoagulation mit Apixaban kann nach 48 Stunden fortgesetzt werden.",
)
_ENGLISH = (
    "The colonoscope was advanced to the caecum, identified by the appendiceal orifice and the ileocaecal valve.",
    "Bowel preparation was good (BBPS 3-3-2). Withdrawal time 9:30 min.",
    "A 6 mm sessile polyp in the ascending colon was removed by cold snare polypectomy and retrieved.",
    "Scattered diverticula in the sigmoid colon without inflammation.",
    "Grade B oesophagitis (Los Angeles) and a small hiatus hernia were seen.",
    "Biopsies were taken from the antrum and body of the stomach for Helicobacter pylori.",
    "No evidence of active bleeding, stricture or malignancy.",
)
_ENGLISH_PLAN = (
    "Await histology. Surveillance colonoscopy in three years.",
    "Continue omeprazole 20 mg daily and avoid anti-inflammatory drugs.",
)


class _Case:
    """Everything that one letter is about."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.first, self.last = rng.choice(_FIRST), self._last()
        self.born = date(1925, 1, 1) + timedelta(days=rng.randrange(30000))
        self.moment = datetime(2018, 1, 3, 7) + timedelta(minutes=15 * rng.randrange(200_000))
        self.case = str(rng.randint(10_000_000, 99_999_999))
        self.kvnr = f"{rng.choice('ABCDEKMNPRSTXZ')}{rng.randint(100_000_000, 999_999_999)}"
        self.serial = str(rng.randint(2_000_000, 2_999_999))
        self.clinic = rng.choice(_CLINICS)

    def _last(self) -> str:
        return self.rng.choice(_PARTICLES if self.rng.random() < 0.12 else _LAST)

    def staff(self) -> str:
        rng = self.rng
        title = rng.choice(("Dr. med.", "Dr.", "PD Dr. med.", "Prof. Dr. med.", "OA Dr.", ""))
        first = (
            rng.choice((f"{rng.choice(_FIRST)} ", f"{rng.choice('ABEHKMRST')}. ", ""))
            if title
            else f"{rng.choice(_FIRST)} "
        )
        return f"{title} {{staff:{first}{self._last()}}}".strip()

    def address(self) -> tuple[str, str]:
        rng = self.rng
        street = f"{{address:{rng.choice(_STREETS)} {rng.randint(1, 140)}{rng.choice(('', '', 'a'))}}}"
        return street, f"{{address:{rng.randint(1067, 99998):05} {rng.choice(_TOWNS)}}}"

    def phone(self) -> str:
        rng = self.rng
        area, number = rng.choice(("0551", "06221", "030", "040", "0171")), rng.randint(100_000, 9_999_999)
        return rng.choice(
            (f"{area} {number}", f"{area}/{number}", f"+49 {area[1:]} {number}", f"({area}) {number}")
        )

    def day(self, day: date) -> str:
        forms = ("%d.%m.%Y", "%d.%m.%Y", "%d.%m.%Y", "%Y-%m-%d", "%d. %m. %Y")
        return day.strftime(self.rng.choice(forms))


def invent_letter(seed: int) -> Letter:
    """The letter of this seed; always the same."""
    rng = random.Random(f"letter {seed}")
    sheet = LetterSheet(rng, size=rng.choice((8.5, 9.5, 10.0, 11.0)))
    layout = rng.choice((_two_columns, _form, _prose, _english))
    layout(sheet, _Case(rng))
    return sheet.letter()


def _name(case: _Case, sheet: LetterSheet) -> str:
    style = case.rng.choice(("comma", "comma", "comma", "first", "upper", "dicom"))
    sheet.fields |= {"first_name": case.first, "last_name": case.last}
    if style == "comma":
        return f"{{name:{case.last}, {case.first}}}"
    if style == "first":
        return f"{{name:{case.first} {case.last}}}"
    if style == "upper":
        return f"{{name:{case.last.upper()}, {case.first}}}"
    return (
        f"{{name:{case.last.upper()}^{case.first.upper()}}}"
        if " " not in case.last
        else f"{{name:{case.last}, {case.first}}}"
    )


def _patient_row(case: _Case, sheet: LetterSheet) -> tuple[str, str]:
    """A label and the name; after ``Name, Vorname`` nobody writes the first name first."""
    name = _name(case, sheet)
    labels = ("Patient:", "Pat.:", "Patientin:")
    return case.rng.choice(labels if "," not in name else (*labels, "Name, Vorname:")), name


def _letterhead(sheet: LetterSheet, case: _Case) -> float:
    rng = case.rng
    sheet.put(60, 34, f"{{institution:{case.clinic}}}")
    sheet.put(60, 50, rng.choice(_DEPARTMENTS))
    if rng.random() < 0.7:
        street, town = case.address()
        sheet.put(60, 64, f"{street} · {town}")
        sheet.put(330, 64, f"Tel. {{phone:{case.phone()}}}")
    if rng.random() < 0.5:
        sheet.put(330, 34, f"Chefarzt: {case.staff()}")
        sheet.put(330, 50, f"E-Mail: {{email:endoskopie@klinikum-{rng.choice(('musterpark', 'fulda'))}.de}}")
    return 92


def _body(sheet: LetterSheet, case: _Case, y: float) -> float:
    rng = case.rng
    for title, pool, count in (("Befund", _FINDINGS, 6), ("Beurteilung", _ASSESSMENT, 3)):
        sheet.put(60, y, rng.choice((title, f"{title}:")))
        text = " ".join(rng.sample(pool, count))
        y = sheet.paragraph(60, y + 15, text, width=470) + 8
    return sheet.paragraph(60, y, " ".join(_mentions(case)), width=470, clinical=False) + 10


def _mentions(case: _Case) -> list[str]:
    """Sentences that name somebody."""
    rng = case.rng
    woman = rng.random() < 0.5
    pool = [
        f"Der Befund wurde mit {{name:{case.first} {case.last}}} besprochen.",
        f"{'Frau' if woman else 'Herr'} {{name:{case.last}}} wurde über das Nachblutungsrisiko aufgeklärt.",
        f"{'Fr.' if woman else 'Hr.'} {{name:{case.last[0].upper()}.}} klagt über Oberbauchschmerzen.",
        f"Die Entlassung erfolgte in Begleitung von Sohn {{name:{rng.choice(_FIRST)} {case.last}}}.",
        f"Vorbefund vom {{date:{case.day(case.moment.date() - timedelta(days=400))}}} liegt vor.",
        f"Telefonische Rücksprache mit {case.staff()} um {{time:{case.moment:%H:%M}}} Uhr.",
        f"Letzte Koloskopie {{date:{rng.randint(1, 12):02}/{rng.randint(2010, 2017)}}} unauffällig.",
        f"Die Ehefrau {{name:{rng.choice(_FIRST)} {case.last}}} ist unter {{phone:{case.phone()}}} erreichbar.",
        f"Hausarzt {case.staff()} erhält eine Kopie.",
        f"Verlegung in das {{institution:Klinikum {rng.choice(('Fulda', 'Itzehoe', 'Heidelberg'))}}} geplant.",
        f"Der Patient {{name:{case.last}}} toleriert die Untersuchung gut.",
        f"Weitere Befunde zur Histologie-Nr. {{number:H{case.moment:%y}-{rng.randint(1000, 99999)}}} folgen.",
        f"Eine {{age:{rng.randint(90, 99)}}}-jährige Schwester hatte ein Kolonkarzinom.",
    ]
    return rng.sample(pool, rng.randint(2, 5))


def _closing(sheet: LetterSheet, case: _Case, y: float) -> None:
    rng = case.rng
    y = min(y, 720)
    sheet.put(
        60,
        y,
        rng.choice(("Mit freundlichen Grüßen", "Mit freundlichen kollegialen Grüßen", "Hochachtungsvoll")),
    )
    sheet.put(60, y + 30, case.staff())
    sheet.put(
        60,
        y + 43,
        rng.choice(("Oberarzt", "Facharzt für Innere Medizin und Gastroenterologie", "Chefärztin")),
    )
    if rng.random() < 0.6:
        printed = case.moment + timedelta(minutes=25)
        sheet.put(60, 815, f"Gedruckt am {{date:{printed:%d.%m.%Y}}} {{time:{printed:%H:%M}}}")
        sheet.put(300, 815, f"{{name:{case.last}, {case.first}}}")
        sheet.put(470, 815, "Seite 1 von 1")


def _two_columns(sheet: LetterSheet, case: _Case) -> None:
    rng = case.rng
    y = _letterhead(sheet, case)
    sheet.put(60, y, rng.choice(("Koloskopie", "Ileokoloskopie", "Gastroskopie (ÖGD)", "Endoskopiebefund")))
    y += 22
    sheet.fields |= {
        "birth_date": case.born.isoformat(),
        "examination_date": case.moment.date().isoformat(),
        "case_number": case.case,
    }
    rows = [
        _patient_row(case, sheet),
        (
            rng.choice(("Geburtsdatum:", "geb.:", "geb. am", "Geb.-Dat.:", "*")),
            f"{{birth_date:{case.day(case.born)}}}",
        ),
        (rng.choice(("Fallnummer:", "Fall-Nr.:", "Aufnahmenr.:")), f"{{case_number:{case.case}}}"),
        (
            rng.choice(("Untersuchungsdatum:", "Untersuchung am:", "Unters.-Datum")),
            f"{{date:{case.day(case.moment.date())}}}",
        ),
        (rng.choice(("Untersucher:", "Operateur:")), case.staff()),
        (
            rng.choice(("Endoskopieassistenz:", "Assistenz:", "Pflege:")),
            f"Sr. {{staff:{rng.choice(_FIRST)}}}",
        ),
        (rng.choice(("Versichertennr.:", "KVNR:", "Vers.-Nr.:")), f"{{insurance_number:{case.kvnr}}}"),
        (rng.choice(("Kostenträger:", "Kasse:")), f"{{insurer:{rng.choice(_INSURERS)}}}"),
        ("Gerät:", "CF-HQ190L"),
        (rng.choice(("Serien-Nr.:", "SN:")), f"{{serial_number:{case.serial}}}"),
        (rng.choice(("Station:", "Station")), f"{{ward:{rng.choice(('4B', 'M2', '3 West', 'ITS'))}}}"),
        (rng.choice(("Zuweiser:", "Hausarzt:", "überweisender Arzt:")), case.staff()),
    ]
    if rows[1][0] == "*":
        rows[1] = ("", f"*{rows[1][1]}")
        sheet.fields.pop("birth_date")
    shown = rows[:5] + rng.sample(rows[5:], rng.randint(1, 7))
    spaced = rng.random() < 0.1 and "^" not in rows[0][1]
    for number, (label, value) in enumerate(shown):
        x = 60 if number % 2 == 0 else 320
        if rng.random() < 0.15 and label.endswith(":"):
            sheet.put(x, y, f"{label} {value}")
        else:
            sheet.put(x, y, label)
            sheet.put(x + 115, y, value, spaced=spaced and number == 0)
        y += 16 if number % 2 else 0
    _closing(sheet, case, _body(sheet, case, y + 30) + 10)


def _form(sheet: LetterSheet, case: _Case) -> None:
    """A table head with the values below it."""
    rng = case.rng
    y = _letterhead(sheet, case)
    sheet.fields |= {
        "first_name": case.first,
        "last_name": case.last,
        "birth_date": case.born.isoformat(),
        "case_number": case.case,
    }
    cells = [
        (60, "Name", f"{{name:{case.last}}}"),
        (190, "Vorname", f"{{name:{case.first}}}"),
        (310, rng.choice(("Geb.-Dat.", "Geburtsdatum")), f"{{birth_date:{case.born:%d.%m.%Y}}}"),
        (430, rng.choice(("Fall-Nr.", "Fallnummer")), f"{{case_number:{case.case}}}"),
    ]
    for x, label, _ in cells:
        sheet.put(x, y, label)
    for x, _, value in cells:
        sheet.put(x, y + 14, value)
    street, town = case.address()
    sheet.put(60, y + 34, f"Adresse: {street}, {town}")
    sheet.put(60, y + 48, f"Tel.: {{phone:{case.phone()}}}")
    sheet.put(
        310,
        y + 34,
        rng.choice(("Beruf:", "Beruf"))
        + f" {{occupation:{rng.choice(('Rentner', 'Landwirtin', 'Lehrer', 'Tischler'))}}}",
    )
    sheet.put(310, y + 48, f"Untersuchung vom {{date:{case.moment:%d.%m.%Y}}}")
    _closing(sheet, case, _body(sheet, case, y + 80) + 10)


def _prose(sheet: LetterSheet, case: _Case) -> None:
    """A letter to a colleague."""
    rng = case.rng
    y = _letterhead(sheet, case)
    street, town = case.address()
    for text in (rng.choice(("Herrn", "Frau")), case.staff(), street, town):
        sheet.put(60, y, text)
        y += 13
    sheet.put(400, y, f"{{place:{rng.choice(_TOWNS[:3])}}}, {{date:{case.day(case.moment.date())}}}")
    greeting = rng.choice(
        ("Sehr geehrter Herr Kollege,", "Sehr geehrte Frau Kollegin,", "Sehr geehrte Damen und Herren,")
    )
    sheet.put(60, y + 28, greeting)
    person = rng.choice(("Patientin", "Patienten"))
    text = (
        f"wir berichten über {rng.choice(('unsere', 'Ihre', 'die gemeinsame', 'den gemeinsamen'))} {person} {{name:{case.first} {case.last}}}, geb. am "
        f"{{birth_date:{case.born:%d.%m.%Y}}}, wohnhaft {street}, {town}, "
        f"{rng.choice(('die sich am', 'der sich am'))} {{date:{case.moment:%d.%m.%Y}}} in unserer Ambulanz vorstellte."
    )
    y = sheet.paragraph(60, y + 46, text, width=470, clinical=False)
    sheet.fields |= {"birth_date": case.born.isoformat()}
    y = _body(sheet, case, y + 12)
    if rng.random() < 0.4:
        sheet.new_page()
        sheet.put(
            60, 30, f"Seite 2 zum Brief vom {{date:{case.moment:%d.%m.%Y}}} {{name:{case.first} {case.last}}}"
        )
        y = sheet.paragraph(60, 80, " ".join(rng.sample(_FINDINGS, 4)), width=470) + 10
    _closing(sheet, case, y + 10)


def _english(sheet: LetterSheet, case: _Case) -> None:
    rng = case.rng
    sheet.put(
        60,
        34,
        f"{{institution:{rng.choice(('Royal Surrey County Hospital', 'St Thomas Clinic', 'Leeds General Infirmary'))}}}",
    )
    sheet.put(60, 50, "Endoscopy Unit")
    sheet.put(60, 80, "Colonoscopy Report")
    sheet.fields |= {"birth_date": case.born.isoformat(), "examination_date": case.moment.date().isoformat()}
    rows = [
        (rng.choice(("Patient:", "Patient name:", "Name:")), _name(case, sheet)),
        (rng.choice(("DOB:", "Date of birth:")), f"{{birth_date:{case.born:%d %b %Y}}}"),
        (rng.choice(("MRN:", "Hospital no:")), f"{{number:{rng.randint(100000, 9999999)}}}"),
        (rng.choice(("Date of procedure:", "Examination date:")), f"{{date:{case.moment:%d %B %Y}}}"),
        (
            rng.choice(("Endoscopist:", "Examiner:", "Consultant:")),
            f"Dr {{staff:{rng.choice(_FIRST)} {case._last()}}}",
        ),
        (rng.choice(("Referring physician:", "GP:")), f"Dr {{staff:{case._last()}}}"),
    ]
    y = 104.0
    for label, value in rows:
        sheet.put(60, y, label)
        sheet.put(190, y, value)
        y += 15
    for title, pool, count in (("Findings", _ENGLISH, 5), ("Impression", _ENGLISH_PLAN, 2)):
        sheet.put(60, y + 12, title)
        y = sheet.paragraph(60, y + 27, " ".join(rng.sample(pool, count)), width=470)
    mentions = (
        f"The findings were discussed with {rng.choice(('Mr', 'Mrs', 'Ms'))} {{name:{case.last}}} and her daughter {{name:{rng.choice(_FIRST)}}}.",
        f"{{name:{case.first} {case.last}}} was seen again on {{date:{rng.randint(1, 28)} May {rng.randint(2015, 2024)}}}.",
        f"Copy to Dr {{staff:{case._last()}}}, {{address:{rng.randint(1, 99)} High Street}}.",
    )
    y = sheet.paragraph(60, y + 10, " ".join(rng.sample(mentions, 2)), width=470, clinical=False)
    sheet.put(60, y + 20, "Yours sincerely,")
    sheet.put(60, y + 46, f"Dr {{staff:{rng.choice(_FIRST)} {case._last()}}}")
