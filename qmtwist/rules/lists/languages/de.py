"""The texts of a list in German."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "top": """Guten Tag. Ich bin das Programm, das die Mailingliste <#l#>@<#h#> betreut.

""",
    "bottom": """
--- Was ich für Sie tun kann

Schicken Sie eine leere Nachricht an eine dieser Adressen:

Die Liste abonnieren:              <#l#>-subscribe@<#h#>
Das Abonnement beenden:            <#l#>-unsubscribe@<#h#>
Diese Hilfe noch einmal lesen:     <#l#>-help@<#h#>
Nachricht 123 aus dem Archiv:      <#l#>-get.123@<#h#>
Nachrichten 123 bis 130 (nur für
Abonnenten):                       <#l#>-get.123_130@<#h#>
Was zu Nachricht 123 gehört (nur
für Abonnenten):                   <#l#>-thread.123@<#h#>
Welche Nachrichten es gibt:        <#l#>-index@<#h#>

Falls die Liste Sammelsendungen verschickt, die viele Nachrichten in einer
enthalten:

Sammelsendungen bekommen:          <#l#>-digest-subscribe@<#h#>
Keine mehr bekommen:               <#l#>-digest-unsubscribe@<#h#>

Für eine andere Adresse als die, von der Sie schreiben, etwa
mary@host.example, fügen Sie diese hinter dem Wort an, mit = statt @:

    <#l#>-subscribe-mary=host.example@<#h#>

Was Sie an <#l#>-owner@<#h#> schicken, liest ein Mensch.

--- Hier folgt eine Kopie der Nachricht, die ich erhalten habe.

""",
    "sub-confirm": """Jemand, hoffentlich Sie selbst, hat mich gebeten, diese Adresse in die Liste
einzutragen:

!A

Wenn Sie das möchten, antworten Sie auf diese Nachricht, oder schreiben Sie an:

!R

Wenn Sie nichts tun, geschieht nichts.
""",
    "sub-moderated": """
Nach Ihrer Bestätigung entscheidet ein Moderator über die Aufnahme.
""",
    "unsub-confirm": """Jemand, hoffentlich Sie selbst, hat mich gebeten, diese Adresse aus der Liste
auszutragen:

!A

Wenn Sie das möchten, antworten Sie auf diese Nachricht, oder schreiben Sie an:

!R

Wenn Sie nichts tun, geschieht nichts.
""",
    "sub-ok": """Willkommen! Diese Adresse steht jetzt auf der Liste:

!A

Bitte heben Sie diese Nachricht auf: Sie sagt, wie Sie die Liste wieder
verlassen können.
""",
    "unsub-ok": """Diese Adresse steht nicht mehr auf der Liste:

!A

Auf Wiedersehen!
""",
    "sub-nop": """Diese Adresse stand schon auf der Liste:

!A
""",
    "unsub-nop": """Diese Adresse steht nicht auf der Liste:

!A

Falls Sie trotzdem Nachrichten der Liste bekommen, gehen diese an eine andere
Ihrer Adressen. An welche, verrät die Zeile Return-Path einer solchen
Nachricht; darin steht = statt @.
""",
    "sub-bad": """Die Nummer in Ihrer Bestätigung stimmt nicht, oder sie ist zu alt.

Wenn diese Adresse in die Liste eingetragen werden soll:

!A

antworten Sie auf diese Nachricht, oder schreiben Sie an:

!R
""",
    "unsub-bad": """Die Nummer in Ihrer Bestätigung stimmt nicht, oder sie ist zu alt.

Wenn diese Adresse aus der Liste ausgetragen werden soll:

!A

antworten Sie auf diese Nachricht, oder schreiben Sie an:

!R
""",
    "get-bad": """Diese Nachricht gibt es im Archiv nicht.
""",
    "help": """Sie haben um Hilfe gebeten, oder um etwas, das ich nicht verstehe.
""",
    "bounce-warn": """Nachrichten der Liste an Sie sind an mich zurückgekommen. Unten steht die
erste, die zurückkam.

Falls auch diese Nachricht zurückkommt, schicke ich Ihnen noch eine. Kommt auch
die zurück, trage ich Ihre Adresse aus der Liste aus.
""",
    "bounce-probe": """Nachrichten der Liste an Sie sind an mich zurückgekommen, und die Nachricht, in
der ich Ihnen das mitgeteilt habe, ebenfalls.

Dies ist ein letzter Versuch. Kommt auch er zurück, trage ich Ihre Adresse aus
der Liste aus. Wenn Sie dies lesen, brauchen Sie nichts zu tun.
""",
    "bounce-num": """
Diese Nachrichten der Liste sind zurückgekommen. Wenn sie im Archiv sind,
bekommen Sie eine davon durch eine leere Nachricht an
<#l#>-get.NUMMER@<#h#>.

""",
    "dig-bounce-num": """
Diese Sammelsendungen sind zurückgekommen. Die Nummern sind jeweils die der
ersten Nachricht darin. Wenn die Nachrichten im Archiv sind, bekommen Sie die
von 123 bis 145 durch eine leere Nachricht an <#l#>-get.123_145@<#h#>.

""",
    "digest": """Sammelsendungen dieser Liste bekommen: <#l#>-digest-subscribe@<#h#>
Keine mehr bekommen:                   <#l#>-digest-unsubscribe@<#h#>
An die Liste schreiben:                <#l#>@<#h#>
""",
    "bounce-bottom": """
--- Hier folgt, was an mich zurückgekommen ist.

""",
    "mod-request": """Eine Nachricht an die Liste <#l#>@<#h#> wartet auf einen Moderator.

Wenn alle sie bekommen sollen, antworten Sie auf diese Nachricht, oder schreiben
Sie an:

!A

Wenn nicht, schreiben Sie an:

!R

Was der Verfasser wissen soll, schreiben Sie in Ihre Nachricht zwischen zwei
Zeilen, die mit drei Prozentzeichen beginnen:

%%%
so wie hier
%%%

Wenn niemand entscheidet, wird die Nachricht nach einigen Tagen gelöscht.
""",
    "post-confirm": """Sie, so hoffe ich, haben die folgende Nachricht an die Liste <#l#>@<#h#>
geschickt.

Damit alle auf der Liste sie bekommen, antworten Sie auf diese Nachricht, oder
schreiben Sie an:

!A

Wenn sie nicht von Ihnen ist, tun Sie nichts; dann wird sie nicht verschickt. Sie
beginnt so:

""",
    "mod-reject": """Ihre Nachricht an die Liste <#l#>@<#h#> hat ein Moderator abgelehnt. Falls er
den Grund angegeben hat, steht er unten. Ihre Nachricht ist angehängt.
""",
    "mod-timeout": """Ihre Nachricht an die Liste <#l#>@<#h#> wurde nicht verschickt: Kein Moderator
hat rechtzeitig darüber entschieden. Sie ist angehängt; wenden Sie sich
gegebenenfalls an <#l#>-owner@<#h#>.
""",
    "info": """Noch hat niemand beschrieben, worum es auf dieser Liste geht.
""",
    "faq": """Noch hat niemand Antworten auf häufige Fragen aufgeschrieben.
""",
    "mod-sub": """
--- Ein Moderator der Liste <#l#>@<#h#> hat das veranlasst oder ihm zugestimmt.

Wenn Sie es nicht wünschen, schreiben Sie an <#l#>-owner@<#h#>.
""",
    "mod-sub-confirm": """Diese Adresse soll in die Liste <#l#>@<#h#> eingetragen werden:

!A

Darum gebeten hat, wem die Adresse gehört, oder Sie selbst. Wenn Sie
einverstanden sind, antworten Sie auf diese Nachricht, oder schreiben Sie an:

!R

Wenn Sie nichts tun, geschieht nichts.
""",
    "mod-unsub-confirm": """Diese Adresse soll aus der Liste <#l#>@<#h#> ausgetragen werden:

!A

Darum gebeten hat, wem die Adresse gehört, oder Sie selbst. Wenn Sie
einverstanden sind, antworten Sie auf diese Nachricht, oder schreiben Sie an:

!R

Wenn Sie nichts tun, geschieht nichts.
""",
    "mod-help": """Sie sind Moderator der Liste <#l#>@<#h#>. Soweit die Liste dafür eingerichtet
ist, können Sie außer dem, was alle können, auch Folgendes tun.

Um mary@host.example ein- oder auszutragen, schicken Sie eine leere Nachricht:

    <#l#>-subscribe-mary=host.example@<#h#>
    <#l#>-unsubscribe-mary=host.example@<#h#>

Die Bestätigung verlange ich von Ihnen, nicht von Mary; schreiben Sie deshalb
von der Adresse, unter der ich Sie kenne. Mary erfährt danach davon, aber nicht,
wer Sie sind.

Ob Mary auf der Liste steht: <#l#>-query-mary=host.example@<#h#>
Alle Abonnenten:             <#l#>-list@<#h#>
Wie viele es sind:           <#l#>-listn@<#h#>
Wer kam und ging:            <#l#>-log@<#h#>
Dasselbe für eine Adresse:   <#l#>-log.mary@<#h#>
Die Texte, die ich schicke:  <#l#>-edit@<#h#>

Die Listen neben der Liste haben dieselben Befehle. Wer auf allow steht, darf
schreiben, ohne die Liste zu abonnieren; wer auf deny steht, darf nicht schreiben:

    <#l#>-allow-subscribe-mary=host.example@<#h#>
    <#l#>-deny-subscribe-mary=host.example@<#h#>
    <#l#>-deny-list@<#h#>

Werden Abonnements moderiert, bekommen Sie eine Nachricht mit dem Betreff
"FREIGABE: ...", wenn jemand die Liste abonnieren will. Antworten Sie darauf, wenn
Sie einverstanden sind; sonst tun Sie nichts. Werden Nachrichten moderiert, steht
in denen mit dem Betreff "MODERATION: ...", wie Sie entscheiden können.

""",
    "edit-do": """Ändern Sie den Text zwischen den beiden Zeilen, die mit drei Prozentzeichen
beginnen, und schicken Sie alles zurück: Antworten Sie auf diese Nachricht, oder
schreiben Sie an

!R

Lassen Sie diese beiden Zeilen, wie sie sind. Falls Ihr Mailprogramm vor jede
zitierte Zeile ein Zeichen setzt, entferne ich es wieder. An die Stelle einer
Zeile, die mit ! und R oder A beginnt, tritt beim Verschicken eine Adresse.

Die Adresse oben gilt einen Tag lang, und nur für diese Änderung.

""",
    "edit-done": """Der Text ist geändert.
""",
    "edit-list": """Diese Texte können Sie ändern. Um einen zu bekommen, schicken Sie eine leere
Nachricht an <#l#>-edit.NAME@<#h#> mit dem Namen, der hier steht.

top                der Anfang jeder Antwort
bottom             das Ende jeder Antwort
help               Antwort auf help, und auf das, was ich nicht verstehe
info               worum es auf der Liste geht
faq                häufige Fragen
sub_confirm        verlangt die Bestätigung, wenn jemand abonniert
sub_moderated      unter sub_confirm, wenn Moderatoren entscheiden
sub_ok             jemand hat die Liste abonniert
sub_nop            jemand stand schon auf der Liste
sub_bad            eine Bestätigung stimmte nicht
unsub_confirm      verlangt die Bestätigung, wenn jemand das Abonnement beendet
unsub_ok           jemand hat das Abonnement beendet
unsub_nop          jemand stand nicht auf der Liste
unsub_bad          eine Bestätigung stimmte nicht
get_bad            eine Nachricht ist nicht im Archiv
digest             was eine Sammelsendung über sich sagt
bounce_warn        Nachrichten an jemanden sind zurückgekommen
bounce_probe       auch die Warnung ist zurückgekommen
bounce_num         über den Nummern der Nachrichten, die zurückkamen
dig_bounce_num     dasselbe für Sammelsendungen
bounce_bottom      über dem, was zurückkam
mod_help           Hilfe für Moderatoren
mod_sub            unter dem, was man nach der Zustimmung eines Moderators bekommt
mod_sub_confirm    fragt Moderatoren, ob jemand abonnieren darf
mod_unsub_confirm  fragt Moderatoren, ob jemand ausgetragen werden soll
mod_request        fragt Moderatoren nach einer Nachricht
post_confirm       fragt Verfasser, ob eine Nachricht von ihnen ist
mod_reject         eine Nachricht wurde abgelehnt
mod_timeout        niemand hat über eine Nachricht entschieden
edit_do            über einem Text, der geändert werden soll
edit_done          ein Text ist geändert
edit_list          diese Aufstellung

""",
}

PHRASES: dict[str, str] = {
    "SUB_RESPONSE": "Antwort der Liste <#l#>@<#h#>",
    "SUB_USR_SUBSCRIBE": "Bitte bestätigen: <#l#>@<#h#> abonnieren",
    "SUB_USR_UNSUBSCRIBE": "Bitte bestätigen: Abonnement von <#l#>@<#h#> beenden",
    "SUB_MOD_SUBSCRIBE": "FREIGABE: <#l#>@<#h#> abonnieren",
    "SUB_MOD_UNSUBSCRIBE": "FREIGABE: Abonnement von <#l#>@<#h#> beenden",
    "SUB_WELCOME": "Willkommen auf der Liste <#l#>@<#h#>",
    "SUB_GOODBYE": "Abonnement von <#l#>@<#h#> beendet",
    "SUB_CONFIRM_POST": "Bitte bestätigen: Ihre Nachricht an <#l#>@<#h#>",
    "SUB_MODERATE": "MODERATION: <#l#>@<#h#>",
    "SUB_RETURNED_POST": "Nicht verschickt: Ihre Nachricht an <#l#>@<#h#>",
    "SUB_WARNING": "Warnung der Liste <#l#>@<#h#>",
    "SUB_PROBE": "Letzter Zustellversuch der Liste <#l#>@<#h#>",
    "SUB_LIST": "Abonnenten von <#l#>@<#h#>",
    "SUB_LOG": "Zu- und Abgänge bei <#l#>@<#h#>",
    "SUB_EDIT_LIST": "Texte von <#l#>@<#h#>",
    "SUB_EDIT_REQUEST": "<#1#> von <#l#>@<#h#> ändern",
    "SUB_EDIT_SUCCESS": "<#1#> von <#l#>@<#h#> ist geändert",
    "SUB_DIGEST_ISSUE": "<#l#> Sammelsendung <#1#> Nr. <#2#>",
    "SUB_DIGEST_OF": "<#l#> Sammlung: <#1#>",
    "TXT_TOP_TOPICS": "Themen (Nachrichten <#1#> bis <#2#>)",
    "TXT_ADMINISTRIVIA": "Hinweise:",
    "TXT_BY": "von: <#1#>",
    "TXT_NO_SUBJECT": "(ohne Betreff)",
    "TXT_TRAILER": "-- \nAbonnement beenden: <#l#>-unsubscribe@<#h#>\nHilfe: <#l#>-help@<#h#>",
}
