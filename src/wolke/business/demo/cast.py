"""Who is in the demonstration, and what happens to them: tables to be read from top to bottom. Days count from the year's first one."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Customer(NamedTuple):
    """``pays``: in full, late, short (a cent less), ahead (in advance), or hardly. ``discount``: a percentage as text."""

    key: str
    name: str
    country: str
    street: str
    postcode: str
    city: str
    vat_id: str
    owner: str
    email: str
    locale: Literal["en", "de"]
    joins: int
    pays: Literal["full", "late", "short", "ahead", "hardly"]
    discount: str = "0"


CUSTOMERS = (
    Customer("kramer", "Kramer & Söhne GmbH", "DE", "Lange Reihe 12", "20099", "Hamburg", "", "Kim Kramer", "kim@kramer.example", "de", 0, "full"),
    Customer("alpen", "Alpenblick Reisen OG", "AT", "Getreidegasse 9", "5020", "Salzburg", "ATU12345675", "Toni Huber", "toni@alpenblick.example", "de", 9, "full"),
    Customer("lumen", "Atelier Lumen SARL", "FR", "18 rue des Arts", "69002", "Lyon", "", "Camille Roux", "camille@lumen.example", "en", 33, "late"),
    Customer("polder", "Polder Data B.V.", "NL", "Keizersgracht 241", "1016 EA", "Amsterdam", "NL123456782B90", "Sanne de Wit", "sanne@polder.example", "en", 41, "full", "10"),
    Customer("fjord", "Fjord Analytics AS", "NO", "Bryggen 4", "5003", "Bergen", "", "Ingrid Solberg", "ingrid@fjord.example", "en", 70, "ahead"),
    Customer("moewe", "Möwe Logistik KG", "DE", "Hafenstraße 77", "26122", "Oldenburg", "", "Jannes Möller", "jannes@moewe.example", "de", 118, "short"),
    Customer("bright", "Brightwater Games Ltd", "IE", "2 Quay Street", "H91 W2K7", "Galway", "", "Aoife Byrne", "aoife@brightwater.example", "en", 160, "full"),
    Customer("spaet", "Spätschicht e. K.", "DE", "Am Wehr 3", "04177", "Leipzig", "", "Robin Vogt", "robin@spaetschicht.example", "de", 215, "hardly"),
)  # fmt: skip


class Colleague(NamedTuple):
    customer: str
    name: str
    email: str
    role: Literal["technician", "accountant", "approver"]
    day: int


COLLEAGUES = (
    Colleague("kramer", "Nora Petersen", "nora@kramer.example", "technician", 3),
    Colleague("kramer", "Emre Aydın", "emre@kramer.example", "accountant", 5),
    Colleague("polder", "Joris Bakker", "joris@polder.example", "approver", 50),
)

SUPPORT = "sam@nordlicht.example"
#: Whom a newcomer may be.
SIGN_INS: dict[str, str] = {
    "support": SUPPORT,
    "owner of a company": CUSTOMERS[0].email,
    **{colleague.role: colleague.email for colleague in COLLEAGUES},
}

#: A size's name in the cloud, its processors, MiB of memory and GiB of disk: those that a cloud of Wolke begins with.
SIZES = (
    ("m1.small", 1, 2048, 20),
    ("m1.medium", 2, 4096, 40),
    ("m1.large", 4, 8192, 80),
    ("m1.xlarge", 8, 16384, 160),
)


class Stay(NamedTuple):
    """``what``: a size, or disk, address, object-storage. ``amount``: GiB of a disk or of objects. ``until`` None: it is still there."""

    customer: str
    project: str
    name: str
    what: str
    begins: float
    until: float | None = None
    amount: str = "1"


#: A project that its customer does not have yet is made on the day of its first stay.
STAYS = (
    Stay("kramer", "Main", "shop-1", "m1.medium", 1.3),
    Stay("kramer", "Main", "shop-2", "m1.medium", 1.35, 190),
    Stay("kramer", "Main", "shop-2", "m1.large", 190.02),
    Stay("kramer", "Main", "shop-data", "disk", 1.4, None, "120"),
    Stay("kramer", "Main", "203.0.113.10", "address", 1.4),
    Stay("kramer", "Main", "pictures", "object-storage", 20.1, None, "340"),
    Stay("kramer", "Tests", "try-out", "m1.small", 44.4, 44.402),
    Stay("kramer", "Tests", "nightly", "m1.small", 60.1, 101.7),
    Stay("alpen", "Main", "booking", "m1.large", 10.2),
    Stay("alpen", "Main", "203.0.113.20", "address", 10.2),
    Stay("alpen", "Main", "season", "m1.xlarge", 150.3, 240.8),
    Stay("lumen", "Main", "portfolio", "m1.small", 34.1),
    Stay("lumen", "Main", "archive", "object-storage", 34.5, None, "1250"),
    Stay("polder", "Main", "etl-1", "m1.xlarge", 42.1),
    Stay("polder", "Main", "etl-2", "m1.xlarge", 80.1, 300.5),
    Stay("polder", "Main", "warehouse", "disk", 42.2, None, "2000"),
    Stay("fjord", "Main", "models", "m1.large", 71.6),
    Stay("fjord", "Main", "models-data", "disk", 71.7, None, "400"),
    Stay("moewe", "Main", "tracking", "m1.medium", 119.2),
    Stay("moewe", "Main", "203.0.113.31", "address", 119.2),
    Stay("bright", "Main", "lobby-eu", "m1.large", 161.1),
    Stay("bright", "Main", "match-1", "m1.xlarge", 161.1, 330),
    Stay("bright", "Main", "203.0.113.40", "address", 161.2),
    Stay("spaet", "Main", "wiki", "m1.small", 216.4),
)


class Said(NamedTuple):
    """``side``: customer, provider or note. ``then``: the state in which an answer leaves the ticket."""

    after_hours: float
    side: Literal["customer", "provider", "note"]
    text: str
    then: Literal["waiting", "solved"] = "waiting"


class Question(NamedTuple):
    """``invoice``: whether it is about the customer's last one. What is not answered is waiting for the newcomer."""

    day: float
    customer: str
    subject: str
    text: str
    priority: Literal["low", "normal", "high", "urgent"]
    invoice: bool
    said: tuple[Said, ...]


QUESTIONS = (
    Question(4.4, "kramer", "Zwei Server, eine Adresse?", "Wir möchten unsere öffentliche Adresse nachts auf den zweiten Server legen. Geht das ohne Ausfall?", "normal", False, (
        Said(1.5, "provider", "Ja: Öffnen Sie die Adresse und wählen Sie den anderen Server. Es dauert ein, zwei Sekunden, bestehende Verbindungen enden dabei."),
        Said(3, "customer", "Hat geklappt, danke!"),
        Said(3.2, "provider", "Das freut uns.", "solved"),
    )),
    Question(66.6, "lumen", "Why are there two prices for object storage?", "The shop says 0.00003 and 0.000024. Which one do we pay?", "normal", False, (
        Said(5, "provider", "Both: the first 730,000 GiB-hours of a month cost the one, all beyond them the other. “Explain” on the invoice's line shows the arithmetic.", "solved"),
    )),
    Question(98.4, "polder", "Server does not answer since 09:20", "etl-1 does not answer to ssh since about 09:20. Nothing was changed on our side.", "urgent", False, (
        Said(0.2, "provider", "We see it running, but its disk is full. Its screen on the server's page shows the messages. Shall we wait for you to clean up?"),
        Said(0.5, "note", "Third time this year. A larger disk would help them; offer one."),
        Said(0.9, "customer", "Found it, logs. It answers again."),
        Said(1.1, "provider", "Good. A disk of its own for the logs would keep it from happening again; it is two clicks on the server's page.", "solved"),
    )),
    Question(131.3, "alpen", "Rechnung ohne Umsatzsteuer?", "Auf der Rechnung steht keine Umsatzsteuer. Ist das richtig so?", "normal", True, (
        Said(4, "provider", "Ja: Sie haben eine geprüfte USt-IdNr., deshalb schuldet der Empfänger die Steuer (Reverse Charge). Der Satz dazu steht unter den Beträgen.", "solved"),
    )),
    Question(205.5, "moewe", "Rechnung um einen Cent zu niedrig bezahlt", "Unsere Bank hat Gebühren abgezogen. Müssen wir den Cent nachzahlen?", "low", True, (
        Said(30, "provider", "Nein, wir haben ihn ausgebucht.", "solved"),
    )),
    Question(344.4, "bright", "Can we get a discount for a year's use?", "We plan to run eight large servers for twelve months. What can you offer?", "normal", False, (
        Said(6, "note", "Ask sales what they would give for eight xlarge."),
        Said(7, "provider", "We will come back to you with an offer this week. Would you pay in advance?"),
        Said(20, "customer", "For a quarter, yes."),
    )),
    Question(358.7, "fjord", "Snapshot before an upgrade", "Does a snapshot of a running server hold everything, or should we stop it first?", "normal", False, ()),
    Question(363.9, "kramer", "Neue Kollegin einladen", "Unsere neue Kollegin soll nur das Projekt „Tests“ sehen. Wie richten wir das ein?", "high", False, ()),
)  # fmt: skip

#: On that day medium servers become dearer, which a month's invoice shows as two lines.
PRICE_CHANGE = (196.0, "m1.medium", "0.0189")
#: What is taken back of one invoice, with its reason.
CREDIT = (138.0, "polder", "etl-1 was not reachable for four hours on our side")
