"""What customers do, in the words of the printed instruction. Each flow starts at the first page.

Every sentence is meant for a customer's eyes; its **bold** words are on the screen.
"""

from __future__ import annotations

from tests.e2e.people import ANNA as ANNAS_BANKID
from tests.e2e.people import Citizen, Person
from tests.walkthrough.controls import (
    BANNER,
    MAIN,
    MENU,
    Control,
    button,
    field,
    link,
    place,
    tab,
)
from tests.walkthrough.registry import FLOWS as FLOWS
from tests.walkthrough.registry import flow
from tests.walkthrough.walk import Walk

PASSWORD = "fyra gula tunnor i rad"
NEW_PASSWORD = "nio runda lock på hög"
NEW_EMAIL = "anna.andersson@exempelbygg.example"
ANNA, BO = "anna@exempelbygg.example", "bo@norrsken.example"
KARIN = Person("Karin", "Holm", "karin.holm@vastfisk.example", PASSWORD)
SAMI = Person("Sami", "Lindqvist", "sami@sjusovare.example", PASSWORD)
MAJA = Person("Maja", "Öster", "maja.oster@gronkulla.example", "")
MAJAS_BANKID = Citizen("Maja", "Öster", "197202292384")
ELSA = Person("Elsa", "Norén", "elsa.noren@akeriost.example", PASSWORD)

# What differs from one run to the next, and so is not compared: the QR code with its key, codes
# typed and codes shown, dates.
SECRETS = (".qr", "#key", "#code")
CODES = ("#recovery-codes",)
DATES = (".badge--on", "[aria-labelledby=devices] .rows")
USERS = ("main .rows .muted", "main .details")

NEW_SECRETS = (*SECRETS, "main p.muted strong")  # the label with its date
EVENTS = (".rows",)

CODE_STEP = "Logga in: Ange engångskod"
RESET = "Återställ tvåfaktorsautentisering"
DIGITS = "De fyra sista siffrorna i organisationsnumret"
CODE = "Skriv koden som visas i appen"
NO_MATCH = "Uppgifterna stämmer inte överens. Kontrollera kundnumret och de fyra siffrorna"


@flow(
    "registrera",
    "Registrera dig, med tvåfaktorsautentisering",
    points="1–5",
    chapter="Registrera dig",
    claims="10400101",
    registers=KARIN,
)
def register(walk: Walk) -> None:
    to_two_factor(walk)
    turn_on_two_factor(walk)
    walk.arrive("Nu är du klar!")
    walk.see("Tvåfaktorsautentisering är på.")
    save_recovery_codes(walk)
    go_to_customer(walk)


@flow(
    "registrera-utan-app",
    "Registrera dig, utan tvåfaktorsautentisering",
    points="1–5",
    chapter="Hoppa över tvåfaktorsautentisering",
    claims="10600002",
    registers=SAMI,
)
def register_without_app(walk: Walk) -> None:
    with walk.quietly():
        to_two_factor(walk)
    skip_two_factor(walk)
    walk.arrive("Nu är du klar!")
    go_to_customer(walk)


@flow(
    "bekrafta-e-post",
    "Bekräfta e-postadressen med länken i mejlet",
    points="4",
    chapter="Bekräfta din e-postadress",
    claims="10500501",
    registers=SAMI,
    reads_mail=True,
)
def confirm_email(walk: Walk) -> None:
    with walk.quietly():
        to_two_factor(walk)
        skip_two_factor(walk)
        walk.arrive("Nu är du klar!")
        go_to_customer(walk)
        walk.follow_mail("Välkommen till MinaSidor")
    walk.arrive("Bekräfta din e-postadress")
    walk.step(
        "Öppna länken i mejlet och klicka på **Bekräfta e-postadressen**.",
        button("Bekräfta e-postadressen"),
    ).click()
    arrive_at_customer(walk)
    walk.see("Din e-postadress är bekräftad.")
    walk.step("Adressen är bekräftad.", place(".flash", "beskedet"), mask=DATES, guide=False).look()


@flow(
    "logga-in", "Logga in med lösenord", points="6", chapter="Logga in nästa gång", logs_in_as=ANNA
)
def log_in(walk: Walk) -> None:
    to_login(walk)
    give_password(walk)
    walk.arrive("Kundkonto: Exempelbygg AB", title="Exempelbygg AB")
    signed_in(walk, guide=True)


@flow(
    "logga-in-med-kod",
    "Logga in med lösenord och engångskod",
    points="6",
    chapter="Logga in med engångskod",
    logs_in_as=BO,
)
def log_in_with_code(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
    give_password(walk, guide=False)
    give_code(walk)
    walk.arrive("Kundkonto: Norrsken Hotell & Konferens AB", title="Norrsken Hotell & Konferens AB")
    signed_in(walk)


@flow(
    "logga-in-med-bankid",
    "Logga in med BankID i mobilen, från en dator",
    chapter="Logga in med BankID",
    logs_in_as=ANNA,
    uses_bankid=True,
)
def log_in_with_bankid(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
    walk.step("Välj fliken **BankID**.", tab("BankID")).click()
    press(walk, "BankID på en annan enhet")
    walk.arrive("Logga in med BankID")
    scan_with_bankid(walk, ANNAS_BANKID)
    walk.arrive("Kundkonto: Exempelbygg AB", title="Exempelbygg AB")
    signed_in(walk, guide=True)


@flow(
    "bankid-pa-samma-enhet",
    "Logga in med BankID på samma enhet",
    logs_in_as=ANNA,
    uses_bankid=True,
)
def log_in_with_bankid_here(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
        walk.step("Välj fliken **BankID**.", tab("BankID")).click()
    press(walk, "BankID på den här enheten")
    walk.arrive("Logga in med BankID")
    opening = walk.step(
        "Klicka på **Öppna BankID** och legitimera dig i appen.", link("Öppna BankID")
    )
    walk.identify_here(ANNAS_BANKID, opening)
    walk.arrive("Kundkonto: Exempelbygg AB", title="Exempelbygg AB")
    signed_in(walk)


@flow(
    "registrera-med-bankid",
    "Registrera dig med BankID",
    claims="10500501",
    registers=MAJA,
    uses_bankid=True,
)
def register_with_bankid(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
        walk.step("Välj fliken **E-post**.", tab("E-post")).click()
        walk.step(
            "Klicka på **Registrera konto med E-post**.", link("Registrera konto med E-post")
        ).click()
    walk.arrive("Steg 1 av 4: Registrera dig")
    press(walk, "Registrera dig med BankID")
    walk.arrive("Registrera dig med BankID")
    scan_with_bankid(walk, MAJAS_BANKID)
    walk.arrive("Steg 2 av 4: Ange kontouppgifter")
    fill_claim(walk)
    walk.arrive("Steg 3 av 4: Fyll i dina uppgifter")
    walk.step("Skriv din egen e-postadress i **E-post**.", field("E-post")).fill(walk.person.email)
    press(walk, "Skapa användarkonto")
    walk.arrive("Nu är du klar!")
    go_to_customer(walk)


@flow(
    "registrera-fran-appen",
    "Registrera dig från appen MittPreZero",
    points="13",
    claims="10600002",
    registers=SAMI,
)
def register_from_the_app(walk: Walk) -> None:
    walk.open_from_app()
    walk.arrive("Steg 1 av 4: Registrera dig")
    press(walk, "Registrera dig med E-post", "i webbläsaren, som appen har öppnat")
    walk.arrive("Steg 2 av 4: Ange kontouppgifter")
    with walk.quietly():
        fill_claim(walk)
        walk.arrive("Steg 3 av 4: Fyll i dina uppgifter")
        fill_personal_details(walk)
        press(walk, "Skapa användarkonto")
        walk.arrive("Steg 4 av 4: Välj om du vill använda dig av tvåfaktorsautentisering")
        skip_two_factor(walk)
    walk.arrive("Nu är du klar!")
    walk.step("Klicka på **Fortsätt till appen**.", link("Fortsätt till appen")).click()
    walk.arrive("Logga in i MittPreZero")
    walk.step("Klicka på **Fortsätt till appen**.", link("Fortsätt till appen")).click()
    walk.arrive("Fortsätt i appen")  # where the app is not installed
    walk.step("Öppnas inte appen trycker du på **Öppna appen**.", link("Öppna appen")).look()


@flow(
    "koppla-bankid",
    "Koppla BankID till sitt konto, och ta bort det",
    logs_in_as=BO,
    uses_bankid=True,
)
def link_bankid(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
        give_password(walk)
        give_code(walk)
    walk.arrive("Kundkonto: Norrsken Hotell & Konferens AB", title="Norrsken Hotell & Konferens AB")
    to_my_details(walk)
    walk.step("Klicka på **Inloggningsuppgifter**.", link("Inloggningsuppgifter")).click()
    walk.arrive("Inloggningsuppgifter")
    press(walk, "Koppla BankID", mask=DATES)
    walk.arrive("Koppla BankID")
    scan_with_bankid(walk, MAJAS_BANKID)
    walk.arrive("Inloggningsuppgifter")
    walk.see("Ditt BankID är kopplat.")
    name = "Ta bort BankID"
    walk.step(f"Klicka på **{name}**.", link(name), mask=DATES).click()
    walk.arrive("Vill du ta bort BankID?")
    press(walk, name)
    walk.arrive("Inloggningsuppgifter")
    walk.see("BankID är borttaget.")
    walk.step("Nu är det **Inte kopplat**.", place(".flash", "beskedet"), mask=DATES).look()


@flow(
    "koppla",
    "Registrera dig med en e-postadress som redan har ett konto",
    points="4, 12",
    claims="10500500",
    logs_in_as=ANNA,
)
def link_customer(walk: Walk) -> None:
    with walk.quietly():
        to_personal_details(walk)
    fill_personal_details(walk)
    walk.step(
        "Klicka på **Skapa användarkonto**.", button("Skapa användarkonto"), guide=False
    ).click()
    walk.arrive("Steg 3 av 4: Fyll i dina uppgifter", refused=True)
    walk.see("Det finns redan ett konto med den adressen.")
    walk.step(
        "Klicka på **Logga in och koppla kundkontot**.", button("Logga in och koppla kundkontot")
    ).click()
    walk.arrive("Logga in")
    walk.step("Skriv ditt lösenord i **Lösenord**.", field("Lösenord")).fill(walk.person.password)
    walk.step("Klicka på **Logga in**.", button("Logga in", MAIN)).click()
    arrive_at_customer(walk)
    walk.see("är nu kopplat till ditt konto.")
    walk.step("Kundkontot är kopplat till ditt konto.", my_name(walk), mask=DATES).look()


@flow(
    "sla-pa-tvafaktor",
    "Slå på tvåfaktorsautentisering senare",
    points="5",
    logs_in_as=ANNA,
)
def turn_on_later(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
        give_password(walk)
    walk.arrive("Kundkonto: Exempelbygg AB", title="Exempelbygg AB")
    walk.step(
        "Klicka på **Slå på tvåfaktorsautentisering**.",
        link("Slå på tvåfaktorsautentisering"),
        mask=DATES,
    ).click()
    walk.arrive("Inloggningsuppgifter")
    turn_on_two_factor(walk)
    walk.arrive("Inloggningsuppgifter")
    walk.see("Tvåfaktorsautentisering är på.")
    save_recovery_codes(walk)
    walk.arrive("Inloggningsuppgifter")
    walk.see("Du har 10 återställningskoder kvar.")
    walk.step("Klart: tvåfaktorsautentiseringen är på.", place(".badge", "På"), mask=DATES).look()


@flow(
    "byt-kund",
    "Byt mellan flera kundkonton",
    points="11",
    chapter="Byt kund",
    logs_in_as=ANNA,
)
def switch_customer(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
        give_password(walk)
    walk.arrive("Kundkonto: Exempelbygg AB", title="Exempelbygg AB")
    walk.step(
        "Klicka på ditt namn uppe till höger.", my_name(walk), mask=DATES, show=".header, .menu"
    ).click()
    walk.step(
        "Klicka på **Byt kund** i menyn.", link("Byt kund", MENU), mask=DATES, show=".header, .menu"
    ).click()
    if not walk.javascript:  # else the list opens in the menu
        walk.arrive("Byt kund")
    name = "Bageri Kanelbullen HB"
    walk.step(
        f"Klicka på det kundkonto som du vill byta till, till exempel **{name}**.",
        link(name, MENU if walk.javascript else MAIN, starts=True),
        mask=DATES,
        show=".header, .menu" if walk.javascript else "",
    ).click()
    walk.arrive(f"Kundkonto: {name}", title=name)
    walk.see(f"Du har bytt till {name}.")
    walk.step(
        "Klart. Nästa gång du loggar in kommer du hit.",
        my_name(walk),
        mask=DATES,
        show=".header nav",
    ).look()


@flow(
    "lagg-till-kundkonto",
    "Lägg till ett kundkonto och byt mellan dem",
    points="11–12",
    chapter="Lägg till ett kundkonto",
    claims="10500501",
    logs_in_as=ANNA,
)
def add_customer(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
        give_password(walk)
    walk.arrive("Kundkonto: Exempelbygg AB", title="Exempelbygg AB")
    walk.step(
        "Klicka på ditt namn uppe till höger.", my_name(walk), mask=DATES, show=".header, .menu"
    ).click()
    walk.step(
        "Klicka på **Lägg till kundkonto** i menyn.",
        link("Lägg till kundkonto", MENU),
        mask=DATES,
    ).click()
    walk.arrive("Lägg till kundkonto")
    fill_claim(walk)
    arrive_at_customer(walk)
    walk.step(
        "Kundkontot är tillagt. Vill du byta tillbaka? Klicka på det andra kundkontot, "
        "till exempel **Exempelbygg AB**.",
        link("Exempelbygg AB", MAIN, starts=True),
        mask=DATES,
        show="[aria-labelledby=others]",
    ).click()
    walk.arrive("Kundkonto: Exempelbygg AB", title="Exempelbygg AB")
    walk.step(
        "Nu ser du det andra kundkontot.", place("h1", "rubriken"), mask=DATES, guide=False
    ).look()


@flow(
    "anvandare",
    "Godkänn, bjud in och ta bort användare",
    points="15",
    chapter="Lägg till och ta bort användare",
    logs_in_as=ANNA,
)
def manage_users(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
        give_password(walk)
    walk.arrive("Kundkonto: Exempelbygg AB", title="Exempelbygg AB")
    walk.step("Klicka på ditt namn uppe till höger.", my_name(walk), show=".header, .menu").click()
    walk.step("Klicka på **Användare** i menyn.", link("Användare", MENU)).click()
    at_users(walk)
    walk.step(
        "Väntar någon på godkännande? Klicka på **Godkänn**, eller på **Neka**.",
        button("Godkänn", MAIN, starts=True),
        mask=USERS,
        show="[aria-labelledby=waiting]",
    ).click()
    at_users(walk)
    walk.see("är godkänd och har nu åtkomst.")
    walk.step(
        "Vill du lägga till någon? Klicka på **Bjud in användare**.",
        link("Bjud in användare", MAIN),
        mask=USERS,
    ).click()
    walk.arrive("Exempelbygg AB: Bjud in användare", title="Bjud in användare – Exempelbygg AB")
    walk.step("Skriv personens adress i **E-post**.", field("E-post")).fill(NEW_EMAIL)
    press(walk, "Skicka inbjudan")
    at_users(walk)
    walk.see(f"Inbjudan är skickad till {NEW_EMAIL}.")
    change_a_user(walk, "Vill du göra någon till administratör? Klicka på **Ändra** vid namnet.")
    press(walk, "Gör till administratör", mask=USERS)
    at_users(walk)
    change_a_user(walk, "Vill du ta bort någon? Klicka på **Ändra** vid namnet.")
    walk.step(
        "Klicka på **Ta bort användaren**.", link("Ta bort användaren", MAIN), mask=USERS
    ).click()
    walk.arrive("Exempelbygg AB: Ta bort Doris Dahl?", title="Ta bort Doris Dahl? – Exempelbygg AB")
    press(walk, "Ta bort användaren")
    at_users(walk)
    walk.step("Användaren är borttagen.", place(".flash", "beskedet"), mask=USERS).look()


def at_users(walk: Walk) -> None:
    walk.arrive("Exempelbygg AB: Användare", title="Användare – Exempelbygg AB")


def change_a_user(walk: Walk, sentence: str) -> None:
    walk.step(
        sentence, link("Ändra Doris Dahl"), mask=USERS, show="[aria-labelledby=users]"
    ).click()
    walk.arrive("Exempelbygg AB: Doris Dahl", title="Doris Dahl – Exempelbygg AB")


@flow(
    "glomt-losen",
    "Glömt lösen? Välj ett nytt med länken i mejlet",
    points="7",
    chapter="Om du har glömt lösenordet",
    logs_in_as=ANNA,
    reads_mail=True,
)
def forgotten_password(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
    walk.arrive("Logga in")
    walk.step("Klicka på **Glömt lösen?** under lösenordet.", link("Glömt lösen?")).click()
    walk.arrive("Glömt lösen?")
    walk.step("Skriv din e-postadress i **E-post**.", field("E-post")).fill(walk.person.email)
    press(walk, "Skicka länk")
    walk.arrive("Titta i din e-post")
    walk.step(
        "**Titta i din e-post**. Länken gäller i 60 minuter.",
        place("h1", "rubriken"),
        guide=False,
    ).look()
    with walk.quietly():
        walk.follow_mail("Välj ett nytt lösenord")
    walk.arrive("Välj ett nytt lösenord")
    walk.step(
        "Öppna länken i mejlet, hitta på ett nytt lösenord och skriv det i **Nytt lösenord**.",
        field("Nytt lösenord"),
    ).fill(NEW_PASSWORD)
    press(walk, "Spara lösenord")
    walk.arrive("Logga in")
    walk.see("Ditt lösenord är ändrat. Logga in med det nya.")
    walk.step("Logga in med det nya.", place(".flash", "beskedet"), guide=False).look()


@flow(
    "byt-losenord",
    "Byt lösenord",
    points="8",
    logs_in_as=ANNA,
)
def change_password(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
        give_password(walk)
    walk.arrive("Kundkonto: Exempelbygg AB", title="Exempelbygg AB")
    to_my_details(walk)
    walk.step(
        "Skriv lösenordet du har nu i **Nuvarande lösenord**.", field("Nuvarande lösenord")
    ).fill(walk.person.password)
    walk.step("Hitta på ett nytt och skriv det i **Nytt lösenord**.", field("Nytt lösenord")).fill(
        NEW_PASSWORD
    )
    walk.step("Skriv det en gång till i **Nytt lösenord igen**.", field("Nytt lösenord igen")).fill(
        NEW_PASSWORD
    )
    press(walk, "Byt lösenord")
    walk.arrive("Mina uppgifter")
    walk.see("Lösenordet är ändrat. Du är utloggad på andra enheter.")
    walk.step("Lösenordet är ändrat.", place(".flash", "beskedet"), guide=False).look()


@flow(
    "aterstall-tvafaktor",
    "Återställ tvåfaktorsautentisering med länken i mejlet",
    points="9",
    chapter="Om du har blivit av med telefonen",
    logs_in_as=BO,
    reads_mail=True,
)
def reset_two_factor(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
        give_password(walk)
    walk.arrive(CODE_STEP, title="Ange engångskod", focus=field("Ange engångskod"))
    walk.step(f"Logga in med e-post och lösenord, och klicka på **{RESET}**.", link(RESET)).click()
    walk.arrive(RESET)
    press(walk, "Skicka länk")
    walk.arrive("Titta i din e-post")
    walk.step(
        "**Titta i din e-post**. Länken gäller i 30 minuter.",
        place("h1", "rubriken"),
        guide=False,
    ).look()
    with walk.quietly():
        walk.follow_mail(RESET)
    walk.arrive(RESET)
    walk.see("Appen får en ny rad")
    app = walk.step(
        "Öppna länken i mejlet, och skanna den nya QR-koden med autentiseringsappen.",
        place(".qr", "QR-koden"),
        mask=NEW_SECRETS,
        note="Appen får en ny rad. Det är den du använder från och med nu.",
    ).scan()
    walk.step(f"**{CODE}**.", field(CODE), mask=NEW_SECRETS).fill(app.code())
    press(walk, "Verifiera kod", mask=NEW_SECRETS)
    walk.arrive("Inloggningsuppgifter")
    walk.see("Tvåfaktorsautentiseringen är återställd.")
    save_recovery_codes(walk)
    walk.arrive("Inloggningsuppgifter")
    walk.step(
        "Klart. Ta bort den gamla raden i appen.", place(".badge", "På"), mask=DATES, guide=False
    ).look()


@flow(
    "inaktivera-tvafaktor",
    "Inaktivera tvåfaktorsautentisering",
    points="10",
    chapter="Stänga av tvåfaktorsautentisering",
    logs_in_as=BO,
)
def turn_off(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
        give_password(walk)
        give_code(walk)
    walk.arrive("Kundkonto: Norrsken Hotell & Konferens AB", title="Norrsken Hotell & Konferens AB")
    to_my_details(walk)
    walk.step("Välj **Inloggningsuppgifter**.", link("Inloggningsuppgifter", MAIN)).click()
    walk.arrive("Inloggningsuppgifter")
    walk.step("Klicka på **Inaktivera**.", link("Inaktivera"), mask=DATES).click()
    walk.arrive("Vill du inaktivera tvåfaktorsautentisering?")
    walk.step("Skriv ditt lösenord i **Lösenord**.", field("Lösenord")).fill(walk.person.password)
    walk.step(
        "Skriv koden som visas i appen i **Engångskod**.", field("Engångskod"), mask=SECRETS
    ).fill(walk.app.code())
    press(walk, "Inaktivera", mask=SECRETS)
    walk.arrive("Inloggningsuppgifter")
    walk.see("Tvåfaktorsautentisering är inaktiverad.")
    walk.step(
        "Nu räcker lösenordet för att logga in.",
        place(".badge", "Av"),
        mask=SECRETS + DATES,
        guide=False,
    ).look()


@flow("byt-e-post", "Byt e-postadress", logs_in_as=ANNA, reads_mail=True)
def change_email(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
        give_password(walk)
    walk.arrive("Kundkonto: Exempelbygg AB", title="Exempelbygg AB")
    to_my_details(walk)
    walk.step("Klicka på **Ändra adress**.", link("Ändra adress", MAIN)).click()
    walk.arrive("Ändra e-postadress")
    walk.step("Skriv den nya adressen i **Ny e-postadress**.", field("Ny e-postadress")).fill(
        NEW_EMAIL
    )
    press(walk, "Skicka länk")
    walk.arrive("Mina uppgifter")
    walk.see(f"Väntar på bekräftelse av {NEW_EMAIL}.")
    walk.step("Adressen byts när länken i mejlet är öppnad.", place(".notice", "beskedet")).look()
    with walk.quietly():
        walk.follow_mail("Bekräfta din nya e-postadress", to=NEW_EMAIL)
    walk.arrive("Byt e-postadress")
    press(walk, "Bekräfta e-postadressen")
    walk.arrive("Kundkonto: Exempelbygg AB", title="Exempelbygg AB")
    walk.step("Adressen är bytt.", place(".flash", "beskedet"), mask=DATES).look()


@flow("handelser", "Se händelser och hämta sina uppgifter", logs_in_as=ANNA)
def look_back(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
        give_password(walk)
    walk.arrive("Kundkonto: Exempelbygg AB", title="Exempelbygg AB")
    to_my_details(walk)
    walk.step("Välj **Händelser**.", link("Händelser", MAIN)).click()
    walk.arrive("Händelser")
    walk.see("Du loggade in från")
    walk.step("Här står vad som har hänt.", place(".rows", "händelserna"), mask=EVENTS).look()
    walk.step("Välj **Personuppgifter**.", link("Personuppgifter", MAIN), mask=EVENTS).click()
    walk.arrive("Mina uppgifter")
    walk.step("Klicka på **Hämta mina uppgifter**.", link("Hämta mina uppgifter")).click()
    walk.arrive("Hämta mina uppgifter")
    walk.step("Här laddar man ner dem.", place("h1", "rubriken")).look()


@flow("avsluta", "Avsluta användarkontot och ångra det", logs_in_as=ANNA)
def close_account(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
        give_password(walk)
    walk.arrive("Kundkonto: Exempelbygg AB", title="Exempelbygg AB")
    to_my_details(walk)
    walk.step(
        "Klicka på **Avsluta användarkontot** längst ner.", link("Avsluta användarkontot")
    ).click()
    walk.arrive("Avsluta användarkontot")
    walk.step("Skriv ditt lösenord i **Lösenord**.", field("Lösenord")).fill(walk.person.password)
    press(walk, "Avsluta användarkontot")
    walk.arrive("Logga in")
    walk.see("Användarkontot är avslutat.")
    give_password(walk)
    walk.arrive("Användarkontot är avslutat")
    walk.step("Klicka på **Ångra**.", button("Ångra"), mask=(".lead",)).click()
    walk.arrive("Mina uppgifter")
    walk.see("Ditt användarkonto är öppet igen.")
    walk.step("Allt är som förut.", place(".flash", "beskedet")).look()


@flow("logga-ut", "Logga ut", logs_in_as=ANNA)
def log_out(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
        give_password(walk)
    walk.arrive("Kundkonto: Exempelbygg AB", title="Exempelbygg AB")
    walk.step("Klicka på ditt namn uppe till höger.", my_name(walk), mask=DATES).click()
    walk.step("Klicka på **Logga ut** i menyn.", button("Logga ut", MENU), mask=DATES).click()
    walk.arrive("Logga in")
    walk.see("Du är utloggad.")
    walk.step("**Du är utloggad.**", place(".flash", "beskedet")).look()


@flow(
    "fel-i-registreringen",
    "Registrera dig, med fel på vägen",
    points="3–5",
    claims="10600001",
    registers=ELSA,
)
def register_with_slips(walk: Walk) -> None:
    with walk.quietly():
        to_account_details(walk)
    second = "Steg 2 av 4: Ange kontouppgifter"
    walk.arrive(second)
    press(walk, "Fortsätt", "utan att skriva något")
    walk.arrive(second, refused=True)
    walk.see("Ange ditt kundnummer.")
    give_claim(walk, walk.customer.number, walk.customer.wrong_suffix)
    walk.arrive(second, refused=True)
    walk.see(NO_MATCH)
    fill_claim(walk)
    third = "Steg 3 av 4: Fyll i dina uppgifter"
    walk.arrive(third)
    press(walk, "Skapa användarkonto", "utan att skriva något")
    walk.arrive(third, refused=True)
    walk.see("Ange ditt förnamn.")
    fill_personal_details(walk, password="kort")
    press(walk, "Skapa användarkonto", "fast lösenordet är för kort")
    walk.arrive(third, refused=True)
    walk.see("Lösenordet ska ha minst 12 tecken.")
    walk.step("Skriv ett längre i **Välj ett lösenord**.", field("Välj ett lösenord")).fill(
        walk.person.password
    )
    press(walk, "Skapa användarkonto")
    fourth = "Steg 4 av 4: Välj om du vill använda dig av tvåfaktorsautentisering"
    walk.arrive(fourth)
    press(walk, "Verifiera kod", "utan någon kod", mask=SECRETS)
    walk.arrive(fourth, refused=True)
    with walk.quietly():
        app = walk.step("Skanna QR-koden.", place(".qr", "QR-koden")).scan()
    walk.step("Skriv en kod som inte stämmer.", field(CODE), mask=SECRETS).fill(app.wrong_code())
    press(walk, "Verifiera kod", mask=SECRETS)
    walk.arrive(fourth, refused=True)
    walk.see("Koden stämmer inte. Vänta på nästa kod i appen och försök igen.")
    walk.step("Felet står över formuläret.", place(".error-summary", "felen"), mask=SECRETS).look()


@flow("fel-vid-inloggning", "Logga in, med fel på vägen", points="6", logs_in_as=BO)
def log_in_with_slips(walk: Walk) -> None:
    with walk.quietly():
        to_login(walk)
    walk.arrive("Logga in")
    walk.step("Klicka på **Logga in** utan att skriva något.", button("Logga in", MAIN)).click()
    walk.arrive("Logga in", refused=True)
    walk.see("Du behöver rätta 2 uppgifter")
    walk.step("Skriv din e-postadress i **E-post**.", field("E-post")).fill(walk.person.email)
    walk.step("Skriv fel lösenord i **Lösenord**.", field("Lösenord")).fill("fel ord om natten")
    walk.step("Klicka på **Logga in**.", button("Logga in", MAIN)).click()
    walk.arrive("Logga in", refused=True)
    walk.see("E-postadressen eller lösenordet stämmer inte.")
    walk.step("Skriv rätt i **Lösenord**.", field("Lösenord")).fill(walk.person.password)
    walk.step("Klicka på **Logga in**.", button("Logga in", MAIN)).click()
    code = field("Ange engångskod")
    walk.arrive(CODE_STEP, title="Ange engångskod", focus=code)
    walk.step("Skriv en kod som inte stämmer.", code, mask=SECRETS).fill(walk.app.wrong_code())
    press(walk, "Verifiera kod", mask=SECRETS)
    walk.arrive(CODE_STEP, title="Ange engångskod", refused=True)
    walk.see("Koden stämmer inte. Vänta på nästa kod i appen och försök igen.")
    walk.step("Skriv koden i **Ange engångskod**.", code, mask=SECRETS).fill(walk.app.code())
    press(walk, "Verifiera kod", mask=SECRETS)
    walk.arrive("Kundkonto: Norrsken Hotell & Konferens AB", title="Norrsken Hotell & Konferens AB")
    walk.step("Nu gick det bra.", my_name(walk), mask=DATES).look()


# Parts of the instruction that several flows share


def to_account_details(walk: Walk) -> None:
    """Points 1 and 2."""
    walk.open("/")
    walk.arrive("En inloggning för alla era kundkonton")
    walk.step("Klicka på **Logga in** uppe till höger.", link("Logga in", BANNER)).click()
    walk.arrive("Logga in")
    walk.step("Välj fliken **E-post**.", tab("E-post")).click()
    walk.step(
        "Klicka på **Registrera konto med E-post**.", link("Registrera konto med E-post")
    ).click()
    walk.arrive("Steg 1 av 4: Registrera dig")
    press(walk, "Registrera dig med E-post")


def to_personal_details(walk: Walk) -> None:
    """Points 1 to 3."""
    to_account_details(walk)
    walk.arrive("Steg 2 av 4: Ange kontouppgifter")
    fill_claim(walk)
    walk.arrive("Steg 3 av 4: Fyll i dina uppgifter")


def to_two_factor(walk: Walk) -> None:
    """Points 1 to 4: Steg 4 is there."""
    to_personal_details(walk)
    fill_personal_details(walk)
    press(walk, "Skapa användarkonto")
    walk.arrive("Steg 4 av 4: Välj om du vill använda dig av tvåfaktorsautentisering")


def fill_claim(walk: Walk) -> None:
    give_claim(walk, walk.customer.number, walk.customer.suffix)


def give_claim(walk: Walk, number: str, suffix: str) -> None:
    walk.step(
        "Skriv kundnumret, som står på fakturan, i **Kundnummer**.", field("Kundnummer")
    ).fill(number)
    walk.step(f"Skriv de fyra siffrorna i **{DIGITS}**.", field(DIGITS)).fill(suffix)
    press(walk, "Fortsätt")


def fill_personal_details(walk: Walk, *, password: str = "") -> None:
    person = walk.person
    walk.step("Skriv ditt förnamn i **Förnamn**.", field("Förnamn")).fill(person.given_name)
    walk.step("Skriv ditt efternamn i **Efternamn**.", field("Efternamn")).fill(person.family_name)
    walk.step("Skriv din egen e-postadress i **E-post**.", field("E-post")).fill(person.email)
    walk.step(
        "Hitta på ett lösenord och skriv det i **Välj ett lösenord**.", field("Välj ett lösenord")
    ).fill(password or person.password)


def turn_on_two_factor(walk: Walk) -> None:
    app = walk.step(
        "Öppna din autentiseringsapp och skanna QR-koden.",
        place(".qr", "QR-koden"),
        mask=SECRETS,
    ).scan()
    walk.step(f"**{CODE}**.", field(CODE), mask=SECRETS).fill(app.code())
    press(walk, "Verifiera kod", mask=SECRETS)


def skip_two_factor(walk: Walk) -> None:
    name = "Hoppa över tvåfaktorsautentisering"
    shown = "form[action$='hoppa-over']"
    walk.step(f"Klicka på **{name}**.", button(name), mask=SECRETS, show=shown).click()


def save_recovery_codes(walk: Walk) -> None:
    walk.step(
        "Spara dina **Återställningskoder** på ett säkert ställe.",
        place("#recovery-codes", "koderna"),
        mask=CODES + DATES,
        note="Klicka till exempel på **Ladda ner**. Med en sådan kod kan du logga in om du inte "
        "har telefonen.",
    ).look()
    press(walk, "Jag har sparat koderna", mask=CODES + DATES)


def go_to_customer(walk: Walk) -> None:
    words = f"Gå till {walk.customer.name}".strip()
    walk.step(f"Klicka på **{words}**.", link(words, starts=True)).click()
    arrive_at_customer(walk)
    signed_in(walk)


def to_login(walk: Walk) -> None:
    walk.open("/")
    walk.arrive("En inloggning för alla era kundkonton")
    walk.step(
        "Klicka på **Logga in** uppe till höger.", link("Logga in", BANNER), show=".header"
    ).click()
    walk.arrive("Logga in")


def give_password(walk: Walk, *, guide: bool = True) -> None:
    email, password = field("E-post"), field("Lösenord")
    walk.step("Skriv din e-postadress i **E-post**.", email, guide=guide).fill(walk.person.email)
    walk.step("Skriv ditt lösenord i **Lösenord**.", password, guide=guide).fill(
        walk.person.password
    )
    walk.step("Klicka på **Logga in**.", button("Logga in", MAIN), guide=guide).click()


def scan_with_bankid(walk: Walk, owner: Citizen) -> None:
    """The walk goes on when the page has found out by itself."""
    walk.step(
        "Öppna BankID-appen i mobilen, tryck på QR-ikonen, läs av koden och legitimera dig.",
        place(".qr", "QR-koden") if walk.javascript else place(".bankid__code", "QR-koden"),
        mask=(".bankid__code",),
        show=".bankid__code",
    ).look()
    walk.identify(owner)


def to_my_details(walk: Walk) -> None:
    """From a customer page."""
    walk.step(
        "Klicka på ditt namn uppe till höger.", my_name(walk), mask=DATES, show=".header, .menu"
    ).click()
    walk.step(
        "Klicka på **Mina uppgifter** i menyn.", link("Mina uppgifter", MENU), mask=DATES
    ).click()
    walk.arrive("Mina uppgifter")


def give_code(walk: Walk) -> None:
    code = field("Ange engångskod")
    walk.arrive(CODE_STEP, title="Ange engångskod", focus=code)
    walk.step(
        "Öppna appen och skriv koden som visas i **Ange engångskod**.", code, mask=SECRETS
    ).fill(walk.app.code())
    press(walk, "Verifiera kod", mask=SECRETS)


def press(walk: Walk, name: str, how: str = "", *, mask: tuple[str, ...] = ()) -> None:
    sentence = " ".join(filter(None, (f"Klicka på **{name}**", how)))
    walk.step(f"{sentence}.", button(name), mask=mask, guide=not how).click()


def arrive_at_customer(walk: Walk) -> None:
    """Elsewhere than on the demo data the name is not known beforehand."""
    name = walk.customer.name
    walk.arrive(f"Kundkonto: {name}", title=name, starts=not name)


def signed_in(walk: Walk, *, guide: bool = False) -> None:
    walk.step(
        "Du är inloggad. Uppe till höger står ditt namn.",
        my_name(walk),
        mask=DATES,
        show=".header nav",
        guide=guide,
    ).look()


def my_name(walk: Walk) -> Control:
    """The button at the upper right, on which one's name stands."""
    return button(walk.person.name, BANNER, starts=True)
