"""The texts of a list in Swedish."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "top": """Hej! Jag är programmet som sköter e-postlistan <#l#>@<#h#>.

""",
    "bottom": """
--- Det här kan jag göra

Skicka ett tomt meddelande till någon av de här adresserna:

Prenumerera på listan:             <#l#>-subscribe@<#h#>
Sluta prenumerera:                 <#l#>-unsubscribe@<#h#>
Läsa den här hjälpen igen:         <#l#>-help@<#h#>
Meddelande 123 ur arkivet:         <#l#>-get.123@<#h#>
Meddelandena 123 till 130 (för
prenumeranter):                    <#l#>-get.123_130@<#h#>
Diskussionen kring meddelande 123
(för prenumeranter):               <#l#>-thread.123@<#h#>
Vilka meddelanden som finns:       <#l#>-index@<#h#>

Om listan ger ut sammandrag, där många meddelanden är samlade i ett:

Få sammandragen:                   <#l#>-digest-subscribe@<#h#>
Inte få dem längre:                <#l#>-digest-unsubscribe@<#h#>

Gäller det en annan adress än den du skriver från, till exempel
mary@host.example, så lägg till den efter ordet, med = i stället för @:

    <#l#>-subscribe-mary=host.example@<#h#>

Det du skickar till <#l#>-owner@<#h#> läses av en människa.

--- Här följer en kopia av meddelandet som jag fick.

""",
    "sub-confirm": """Någon, förhoppningsvis du, har bett mig att skriva upp den här adressen på
listan:

!A

Om det är vad du vill, så svara på det här meddelandet eller skriv till:

!R

Om du inte gör något händer ingenting.
""",
    "sub-moderated": """
När du har bekräftat bestämmer en moderator om du får vara med.
""",
    "unsub-confirm": """Någon, förhoppningsvis du, har bett mig att stryka den här adressen från listan:

!A

Om det är vad du vill, så svara på det här meddelandet eller skriv till:

!R

Om du inte gör något händer ingenting.
""",
    "sub-ok": """Välkommen! Den här adressen står nu på listan:

!A

Spara det här meddelandet: här står hur du lämnar listan igen.
""",
    "unsub-ok": """Den här adressen står inte längre på listan:

!A

Hej då!
""",
    "sub-nop": """Den här adressen stod redan på listan:

!A
""",
    "unsub-nop": """Den här adressen står inte på listan:

!A

Om du ändå får meddelanden från listan kommer de till en annan av dina adresser.
Raden Return-Path i ett sådant meddelande visar vilken, med = i stället för @.
""",
    "sub-bad": """Numret i din bekräftelse stämmer inte eller är för gammalt.

För att skriva upp den här adressen på listan:

!A

svarar du på det här meddelandet eller skriver till:

!R
""",
    "unsub-bad": """Numret i din bekräftelse stämmer inte eller är för gammalt.

För att stryka den här adressen från listan:

!A

svarar du på det här meddelandet eller skriver till:

!R
""",
    "get-bad": """Det meddelandet finns inte i arkivet.
""",
    "help": """Du har bett om hjälp, eller om något som jag inte förstår.
""",
    "bounce-warn": """Meddelanden från listan till dig har kommit tillbaka till mig. Här nedanför är det
första av dem.

Om det här meddelandet också kommer tillbaka skickar jag ett till. Kommer även det
tillbaka stryker jag din adress från listan.
""",
    "bounce-probe": """Meddelanden från listan till dig har kommit tillbaka till mig, och det gjorde också
meddelandet som berättade det för dig.

Det här är ett sista försök. Om det också kommer tillbaka stryker jag din adress
från listan. Om du läser det här behöver du inte göra något.
""",
    "bounce-num": """
De här meddelandena från listan har kommit tillbaka. Om de finns i arkivet får du
ett av dem genom att skicka ett tomt meddelande till <#l#>-get.NUMMER@<#h#>.

""",
    "dig-bounce-num": """
De här sammandragen har kommit tillbaka. Varje nummer är det första meddelandets i
sammandraget. Om meddelandena finns i arkivet får du nummer 123 till 145 genom att
skicka ett tomt meddelande till <#l#>-get.123_145@<#h#>.

""",
    "digest": """Få listans sammandrag:       <#l#>-digest-subscribe@<#h#>
Inte få dem längre:          <#l#>-digest-unsubscribe@<#h#>
Skriva till listan:          <#l#>@<#h#>
""",
    "bounce-bottom": """
--- Här följer det som kom tillbaka till mig.

""",
    "mod-request": """Ett meddelande till listan <#l#>@<#h#> väntar på en moderator.

Om alla ska få det, så svara på det här meddelandet eller skriv till:

!A

För att avslå det skriver du till:

!R

Om det är något som avsändaren bör veta, så skriv det i ditt meddelande mellan två
rader som börjar med tre procenttecken:

%%%
så här
%%%

Om ingen bestämmer sig tas meddelandet bort efter några dagar.
""",
    "post-confirm": """Du har, hoppas jag, skickat det här meddelandet till listan <#l#>@<#h#>.

För att alla på listan ska få det svarar du på det här meddelandet eller skriver
till:

!A

Om det inte är ditt, så gör ingenting; då skickas det inte. Det börjar så här:

""",
    "mod-reject": """Ditt meddelande till listan <#l#>@<#h#> har avslagits av en moderator. Om skälet
har angetts står det här nedanför. Ditt meddelande är bifogat.
""",
    "mod-timeout": """Ditt meddelande till listan <#l#>@<#h#> har inte skickats: ingen moderator har
bestämt sig i tid. Det är bifogat; du kan skriva till <#l#>-owner@<#h#>.
""",
    "info": """Ingen har ännu skrivit vad listan handlar om.
""",
    "faq": """Ingen har ännu skrivit svar på vanliga frågor.
""",
    "mod-sub": """
--- En moderator för listan <#l#>@<#h#> har begärt eller godkänt detta.

Om du inte vill det, så skriv till <#l#>-owner@<#h#>.
""",
    "mod-sub-confirm": """Den här adressen ska skrivas upp på listan <#l#>@<#h#>:

!A

Den som har adressen har bett om det, eller du själv. Om du samtycker, så svara på
det här meddelandet eller skriv till:

!R

Om du inte gör något händer ingenting.
""",
    "mod-unsub-confirm": """Den här adressen ska strykas från listan <#l#>@<#h#>:

!A

Den som har adressen har bett om det, eller du själv. Om du samtycker, så svara på
det här meddelandet eller skriv till:

!R

Om du inte gör något händer ingenting.
""",
    "mod-help": """Du är moderator för listan <#l#>@<#h#>. Förutom det som alla kan göra kan du göra
det här, i den mån listan är inställd för det.

För att skriva upp eller stryka mary@host.example skickar du ett tomt meddelande:

    <#l#>-subscribe-mary=host.example@<#h#>
    <#l#>-unsubscribe-mary=host.example@<#h#>

Jag ber dig, inte Mary, att bekräfta det, så skriv från den adress som jag känner
dig under. Mary får veta det efteråt, men inte vem du är.

Om Mary står på listan:      <#l#>-query-mary=host.example@<#h#>
Alla prenumeranter:          <#l#>-list@<#h#>
Hur många de är:             <#l#>-listn@<#h#>
Vilka som kom och gick:      <#l#>-log@<#h#>
Samma sak för en adress:     <#l#>-log.mary@<#h#>
Texterna som jag skickar:    <#l#>-edit@<#h#>

Listorna vid sidan av listan har samma kommandon. Den som står på allow får skriva
utan att prenumerera, den som står på deny får inte skriva alls:

    <#l#>-allow-subscribe-mary=host.example@<#h#>
    <#l#>-deny-subscribe-mary=host.example@<#h#>
    <#l#>-deny-list@<#h#>

Om prenumerationer modereras får du ett meddelande vars ärende börjar med "GODKÄNN"
när någon vill prenumerera. Svara på det om du samtycker, gör annars ingenting. Om
meddelanden modereras står det i dem vars ärende börjar med "MODERERA" hur man
bestämmer.

""",
    "edit-do": """Ändra texten här nedanför, mellan de två raderna som börjar med tre procenttecken,
och skicka tillbaka alltihop: svara på det här meddelandet eller skriv till

!R

Låt de två raderna vara som de är. Om ditt e-postprogram sätter ett tecken framför
varje citerad rad tar jag bort det. En rad som börjar med ! och R eller A byts ut
mot en adress när texten skickas.

Adressen ovan gäller en dag, och bara för den här ändringen.

""",
    "edit-done": """Texten är ändrad.
""",
    "edit-list": """De här texterna kan du ändra. För att få en av dem skickar du ett tomt meddelande
till <#l#>-edit.NAMN@<#h#> med namnet som står här.

top                början av varje svar
bottom             slutet av varje svar
help               svar på help, och på det jag inte förstår
info               vad listan handlar om
faq                vanliga frågor
sub_confirm        ber någon bekräfta en prenumeration
sub_moderated      under sub_confirm, om moderatorer bestämmer
sub_ok             någon har börjat prenumerera
sub_nop            någon stod redan på listan
sub_bad            en bekräftelse stämde inte
unsub_confirm      ber någon bekräfta att prenumerationen upphör
unsub_ok           någon har slutat prenumerera
unsub_nop          någon stod inte på listan
unsub_bad          en bekräftelse stämde inte
get_bad            ett meddelande finns inte i arkivet
digest             vad ett sammandrag säger om sig självt
bounce_warn        meddelanden till någon har kommit tillbaka
bounce_probe       även varningen har kommit tillbaka
bounce_num         ovanför numren på meddelandena som kom tillbaka
dig_bounce_num     samma sak för sammandrag
bounce_bottom      ovanför det som kom tillbaka
mod_help           hjälp för moderatorer
mod_sub            under det man får när en moderator har samtyckt
mod_sub_confirm    frågar moderatorer om någon får prenumerera
mod_unsub_confirm  frågar moderatorer om någon ska strykas
mod_request        frågar moderatorer om ett meddelande
post_confirm       frågar avsändare om ett meddelande är deras
mod_reject         ett meddelande har avslagits
mod_timeout        ingen har bestämt sig om ett meddelande
edit_do            ovanför en text som ska ändras
edit_done          en text är ändrad
edit_list          den här förteckningen

""",
}

PHRASES: dict[str, str] = {
    "SUB_RESPONSE": "Svar från listan <#l#>@<#h#>",
    "SUB_USR_SUBSCRIBE": "Bekräfta din prenumeration på <#l#>@<#h#>",
    "SUB_USR_UNSUBSCRIBE": "Bekräfta att du lämnar <#l#>@<#h#>",
    "SUB_MOD_SUBSCRIBE": "GODKÄNN en prenumeration på <#l#>@<#h#>",
    "SUB_MOD_UNSUBSCRIBE": "GODKÄNN att någon lämnar <#l#>@<#h#>",
    "SUB_WELCOME": "Välkommen till <#l#>@<#h#>",
    "SUB_GOODBYE": "Du har lämnat <#l#>@<#h#>",
    "SUB_CONFIRM_POST": "Bekräfta ditt meddelande till <#l#>@<#h#>",
    "SUB_MODERATE": "MODERERA ett meddelande till <#l#>@<#h#>",
    "SUB_RETURNED_POST": "Ditt meddelande till <#l#>@<#h#> har inte skickats",
    "SUB_WARNING": "Varning från listan <#l#>@<#h#>",
    "SUB_PROBE": "Sista försöket från listan <#l#>@<#h#>",
    "SUB_LIST": "Prenumeranter på <#l#>@<#h#>",
    "SUB_LOG": "Vilka som kom till och lämnade <#l#>@<#h#>",
    "SUB_EDIT_LIST": "Texter för <#l#>@<#h#>",
    "SUB_EDIT_REQUEST": "Ändra <#1#> för <#l#>@<#h#>",
    "SUB_EDIT_SUCCESS": "<#1#> för <#l#>@<#h#> är ändrad",
    "SUB_DIGEST_ISSUE": "<#l#> Sammandrag <#1#> nummer <#2#>",
    "SUB_DIGEST_OF": "<#l#> Sammandrag av: <#1#>",
    "TXT_TOP_TOPICS": "Ämnen (meddelanden <#1#> till <#2#>)",
    "TXT_ADMINISTRIVIA": "Information:",
    "TXT_BY": "av: <#1#>",
    "TXT_NO_SUBJECT": "(inget ämne)",
    "TXT_TRAILER": "-- \nAvsluta prenumerationen: <#l#>-unsubscribe@<#h#>\nInformation: <#l#>-help@<#h#>",
}
