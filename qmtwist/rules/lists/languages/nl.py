"""The texts of a list in Dutch."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "top": """Goedendag. Ik ben het programma dat de mailinglijst <#l#>@<#h#> beheert.

""",
    "bottom": """
--- Wat ik voor u kan doen

Stuur een leeg bericht naar een van deze adressen:

U aanmelden:                       <#l#>-subscribe@<#h#>
U afmelden:                        <#l#>-unsubscribe@<#h#>
Deze hulp nog eens lezen:          <#l#>-help@<#h#>
Bericht 123 uit het archief:       <#l#>-get.123@<#h#>
Berichten 123 tot en met 130
(alleen voor abonnees):            <#l#>-get.123_130@<#h#>
Wat bij bericht 123 hoort (alleen
voor abonnees):                    <#l#>-thread.123@<#h#>
Welke berichten er zijn:           <#l#>-index@<#h#>

Als de lijst verzamelberichten maakt, waarin veel berichten bij elkaar staan:

Verzamelberichten ontvangen:       <#l#>-digest-subscribe@<#h#>
Ze niet meer ontvangen:            <#l#>-digest-unsubscribe@<#h#>

Voor een ander adres dan dat waarvandaan u schrijft, bijvoorbeeld
mary@host.example, zet u dat achter het woord, met = in plaats van @:

    <#l#>-subscribe-mary=host.example@<#h#>

Wat u naar <#l#>-owner@<#h#> stuurt, wordt door een mens gelezen.

--- Hieronder staat een kopie van het bericht dat ik heb ontvangen.

""",
    "sub-confirm": """Iemand, hopelijk uzelf, heeft mij gevraagd dit adres bij de lijst aan te melden:

!A

Als u dat wilt, beantwoord dan dit bericht of schrijf naar:

!R

Als u niets doet, gebeurt er niets.
""",
    "sub-moderated": """
Na uw bevestiging beslist een moderator over de aanmelding.
""",
    "unsub-confirm": """Iemand, hopelijk uzelf, heeft mij gevraagd dit adres bij de lijst af te melden:

!A

Als u dat wilt, beantwoord dan dit bericht of schrijf naar:

!R

Als u niets doet, gebeurt er niets.
""",
    "sub-ok": """Welkom! Dit adres staat nu op de lijst:

!A

Bewaar dit bericht: er staat in hoe u zich weer kunt afmelden.
""",
    "unsub-ok": """Dit adres staat niet meer op de lijst:

!A

Tot ziens!
""",
    "sub-nop": """Dit adres stond al op de lijst:

!A
""",
    "unsub-nop": """Dit adres staat niet op de lijst:

!A

Als u toch berichten van de lijst krijgt, komen ze via een ander adres van u. De
regel Return-Path van zo'n bericht laat zien welk adres dat is, met = in plaats
van @.
""",
    "sub-bad": """Het nummer in uw bevestiging klopt niet of is te oud.

Om dit adres bij de lijst aan te melden:

!A

beantwoordt u dit bericht of schrijft u naar:

!R
""",
    "unsub-bad": """Het nummer in uw bevestiging klopt niet of is te oud.

Om dit adres bij de lijst af te melden:

!A

beantwoordt u dit bericht of schrijft u naar:

!R
""",
    "get-bad": """Dat bericht staat niet in het archief.
""",
    "help": """U hebt om hulp gevraagd, of om iets wat ik niet begrijp.
""",
    "bounce-warn": """Berichten van de lijst aan u zijn bij mij teruggekomen. Hieronder staat het eerste
daarvan.

Als ook dit bericht terugkomt, stuur ik u er nog een. Komt dat ook terug, dan meld
ik uw adres bij de lijst af.
""",
    "bounce-probe": """Berichten van de lijst aan u zijn bij mij teruggekomen, en het bericht waarin ik u
dat meldde ook.

Dit is een laatste poging. Als ook die terugkomt, meld ik uw adres bij de lijst af.
Als u dit leest, hoeft u niets te doen.
""",
    "bounce-num": """
Deze berichten van de lijst zijn teruggekomen. Als ze in het archief staan, krijgt
u er een door een leeg bericht te sturen naar <#l#>-get.NUMMER@<#h#>.

""",
    "dig-bounce-num": """
Deze verzamelberichten zijn teruggekomen. Elk nummer is dat van het eerste bericht
erin. Als de berichten in het archief staan, krijgt u 123 tot en met 145 door een
leeg bericht te sturen naar <#l#>-get.123_145@<#h#>.

""",
    "digest": """Verzamelberichten ontvangen:      <#l#>-digest-subscribe@<#h#>
Ze niet meer ontvangen:           <#l#>-digest-unsubscribe@<#h#>
Naar de lijst schrijven:          <#l#>@<#h#>
""",
    "bounce-bottom": """
--- Hieronder staat wat bij mij is teruggekomen.

""",
    "mod-request": """Een bericht aan de lijst <#l#>@<#h#> wacht op een moderator.

Als iedereen het moet krijgen, beantwoord dan dit bericht of schrijf naar:

!A

Om het te weigeren schrijft u naar:

!R

Wat de schrijver moet weten, zet u in uw bericht tussen twee regels die met drie
procenttekens beginnen:

%%%
zoals hier
%%%

Als niemand beslist, wordt het bericht na een paar dagen verwijderd.
""",
    "post-confirm": """U hebt, naar ik hoop, dit bericht naar de lijst <#l#>@<#h#> gestuurd.

Als iedereen op de lijst het moet krijgen, beantwoord dan dit bericht of schrijf
naar:

!A

Als het niet van u is, doe dan niets; het wordt dan niet verstuurd. Het begint zo:

""",
    "mod-reject": """Uw bericht aan de lijst <#l#>@<#h#> is door een moderator geweigerd. Als die de
reden heeft gegeven, staat ze hieronder. Uw bericht is bijgevoegd.
""",
    "mod-timeout": """Uw bericht aan de lijst <#l#>@<#h#> is niet verstuurd: geen moderator heeft op tijd
beslist. Het is bijgevoegd; u kunt schrijven naar <#l#>-owner@<#h#>.
""",
    "info": """Nog niemand heeft beschreven waar deze lijst over gaat.
""",
    "faq": """Nog niemand heeft antwoorden op veelgestelde vragen geschreven.
""",
    "mod-sub": """
--- Een moderator van de lijst <#l#>@<#h#> heeft hierom gevraagd of ermee ingestemd.

Als u dit niet wilt, schrijf dan naar <#l#>-owner@<#h#>.
""",
    "mod-sub-confirm": """Dit adres moet bij de lijst <#l#>@<#h#> worden aangemeld:

!A

De persoon van wie het adres is, heeft daarom gevraagd, of uzelf. Als u het ermee
eens bent, beantwoord dan dit bericht of schrijf naar:

!R

Als u niets doet, gebeurt er niets.
""",
    "mod-unsub-confirm": """Dit adres moet bij de lijst <#l#>@<#h#> worden afgemeld:

!A

De persoon van wie het adres is, heeft daarom gevraagd, of uzelf. Als u het ermee
eens bent, beantwoord dan dit bericht of schrijf naar:

!R

Als u niets doet, gebeurt er niets.
""",
    "mod-help": """U bent moderator van de lijst <#l#>@<#h#>. Behalve wat iedereen kan, kunt u ook het
volgende doen, voor zover de lijst daarvoor is ingericht.

Om mary@host.example aan of af te melden stuurt u een leeg bericht:

    <#l#>-subscribe-mary=host.example@<#h#>
    <#l#>-unsubscribe-mary=host.example@<#h#>

Ik vraag u om een bevestiging, niet Mary; schrijf daarom vanaf het adres waaronder
ik u ken. Mary hoort er daarna van, maar niet wie u bent.

Of Mary op de lijst staat:   <#l#>-query-mary=host.example@<#h#>
Alle abonnees:               <#l#>-list@<#h#>
Hoeveel het er zijn:         <#l#>-listn@<#h#>
Wie er kwamen en gingen:     <#l#>-log@<#h#>
Hetzelfde voor een adres:    <#l#>-log.mary@<#h#>
De teksten die ik stuur:     <#l#>-edit@<#h#>

De lijsten naast de lijst hebben dezelfde opdrachten. Wie op allow staat, mag
schrijven zonder abonnee te zijn; wie op deny staat, mag niet schrijven:

    <#l#>-allow-subscribe-mary=host.example@<#h#>
    <#l#>-deny-subscribe-mary=host.example@<#h#>
    <#l#>-deny-list@<#h#>

Als aanmeldingen worden gemodereerd, krijgt u een bericht met een onderwerp dat met
"GOEDKEUREN" begint wanneer iemand zich wil aanmelden. Beantwoord het als u het
ermee eens bent; doe anders niets. Als berichten worden gemodereerd, leggen die met
een onderwerp dat met "MODEREREN" begint uit hoe u beslist.

""",
    "edit-do": """Wijzig de tekst hieronder, tussen de twee regels die met drie procenttekens
beginnen, en stuur alles terug: beantwoord dit bericht of schrijf naar

!R

Laat die twee regels zoals ze zijn. Als uw mailprogramma een teken voor elke
aangehaalde regel zet, haal ik dat weer weg. Een regel die met ! en R of A begint,
wordt bij het versturen vervangen door een adres.

Het adres hierboven is een dag geldig, en alleen voor deze wijziging.

""",
    "edit-done": """De tekst is gewijzigd.
""",
    "edit-list": """Deze teksten kunt u wijzigen. Om er een te krijgen stuurt u een leeg bericht naar
<#l#>-edit.NAAM@<#h#> met de naam die hier staat.

top                het begin van elk antwoord
bottom             het einde van elk antwoord
help               antwoord op help, en op wat ik niet begrijp
info               waar de lijst over gaat
faq                veelgestelde vragen
sub_confirm        vraagt een aanmelding te bevestigen
sub_moderated      onder sub_confirm, als moderatoren beslissen
sub_ok             iemand is aangemeld
sub_nop            iemand stond al op de lijst
sub_bad            een bevestiging klopte niet
unsub_confirm      vraagt een afmelding te bevestigen
unsub_ok           iemand is afgemeld
unsub_nop          iemand stond niet op de lijst
unsub_bad          een bevestiging klopte niet
get_bad            een bericht staat niet in het archief
digest             wat een verzamelbericht over zichzelf zegt
bounce_warn        berichten aan iemand zijn teruggekomen
bounce_probe       ook de waarschuwing is teruggekomen
bounce_num         boven de nummers van de berichten die terugkwamen
dig_bounce_num     hetzelfde voor verzamelberichten
bounce_bottom      boven wat terugkwam
mod_help           hulp voor moderatoren
mod_sub            onder wat iemand krijgt nadat een moderator heeft ingestemd
mod_sub_confirm    vraagt moderatoren of iemand zich mag aanmelden
mod_unsub_confirm  vraagt moderatoren of iemand moet worden afgemeld
mod_request        vraagt moderatoren naar een bericht
post_confirm       vraagt schrijvers of een bericht van hen is
mod_reject         een bericht is geweigerd
mod_timeout        niemand heeft over een bericht beslist
edit_do            boven een tekst die gewijzigd moet worden
edit_done          een tekst is gewijzigd
edit_list          dit overzicht

""",
}

PHRASES: dict[str, str] = {
    "SUB_RESPONSE": "Antwoord van de lijst <#l#>@<#h#>",
    "SUB_USR_SUBSCRIBE": "Bevestig uw aanmelding bij <#l#>@<#h#>",
    "SUB_USR_UNSUBSCRIBE": "Bevestig uw afmelding bij <#l#>@<#h#>",
    "SUB_MOD_SUBSCRIBE": "GOEDKEUREN: aanmelding bij <#l#>@<#h#>",
    "SUB_MOD_UNSUBSCRIBE": "GOEDKEUREN: afmelding bij <#l#>@<#h#>",
    "SUB_WELCOME": "Welkom bij <#l#>@<#h#>",
    "SUB_GOODBYE": "U bent afgemeld bij <#l#>@<#h#>",
    "SUB_CONFIRM_POST": "Bevestig uw bericht aan <#l#>@<#h#>",
    "SUB_MODERATE": "MODEREREN: bericht aan <#l#>@<#h#>",
    "SUB_RETURNED_POST": "Uw bericht aan <#l#>@<#h#> is niet verstuurd",
    "SUB_WARNING": "Waarschuwing van de lijst <#l#>@<#h#>",
    "SUB_PROBE": "Laatste poging van de lijst <#l#>@<#h#>",
    "SUB_LIST": "Abonnees van <#l#>@<#h#>",
    "SUB_LOG": "Aan- en afmeldingen bij <#l#>@<#h#>",
    "SUB_EDIT_LIST": "Teksten van <#l#>@<#h#>",
    "SUB_EDIT_REQUEST": "<#1#> van <#l#>@<#h#> wijzigen",
    "SUB_EDIT_SUCCESS": "<#1#> van <#l#>@<#h#> is gewijzigd",
    "SUB_DIGEST_ISSUE": "<#l#> Verzamelbericht <#1#> nummer <#2#>",
    "SUB_DIGEST_OF": "<#l#> Verzameling: <#1#>",
    "TXT_TOP_TOPICS": "Onderwerpen (berichten <#1#> tot en met <#2#>)",
    "TXT_ADMINISTRIVIA": "Mededelingen:",
    "TXT_BY": "van: <#1#>",
    "TXT_NO_SUBJECT": "(geen onderwerp)",
    "TXT_TRAILER": "-- \nAfmelden: <#l#>-unsubscribe@<#h#>\nHulp: <#l#>-help@<#h#>",
}
