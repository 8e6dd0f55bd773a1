"""The texts of a list in Italian."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "top": """Ciao. Sono il programma che gestisce la mailing list <#l#>@<#h#>.

""",
    "bottom": """
--- Che cosa posso fare per te

Manda un messaggio vuoto a uno di questi indirizzi:

Per iscriverti:                    <#l#>-subscribe@<#h#>
Per cancellare l'iscrizione:       <#l#>-unsubscribe@<#h#>
Per rileggere questo aiuto:        <#l#>-help@<#h#>
Il messaggio 123 dell'archivio:    <#l#>-get.123@<#h#>
I messaggi da 123 a 130 (per gli
iscritti):                         <#l#>-get.123_130@<#h#>
La discussione del messaggio 123
(per gli iscritti):                <#l#>-thread.123@<#h#>
Quali messaggi ci sono:            <#l#>-index@<#h#>

Se la lista pubblica raccolte, che riuniscono più messaggi in uno:

Per riceverle:                     <#l#>-digest-subscribe@<#h#>
Per non riceverle più:             <#l#>-digest-unsubscribe@<#h#>

Per un indirizzo diverso da quello da cui scrivi, per esempio
mary@host.example, aggiungilo dopo la parola, con = al posto di @:

    <#l#>-subscribe-mary=host.example@<#h#>

Quello che mandi a <#l#>-owner@<#h#> lo legge una persona.

--- Qui sotto c'è una copia del messaggio che ho ricevuto.

""",
    "sub-confirm": """Qualcuno, spero tu, mi ha chiesto di iscrivere questo indirizzo alla lista:

!A

Se è quello che vuoi, rispondi a questo messaggio o scrivi a:

!R

Se non fai niente, non succede niente.
""",
    "sub-moderated": """
Dopo la tua conferma un moderatore deciderà sull'iscrizione.
""",
    "unsub-confirm": """Qualcuno, spero tu, mi ha chiesto di togliere questo indirizzo dalla lista:

!A

Se è quello che vuoi, rispondi a questo messaggio o scrivi a:

!R

Se non fai niente, non succede niente.
""",
    "sub-ok": """Ti diamo il benvenuto! Questo indirizzo ora è iscritto alla lista:

!A

Conserva questo messaggio: spiega come cancellare l'iscrizione.
""",
    "unsub-ok": """Questo indirizzo non è più iscritto alla lista:

!A

Arrivederci!
""",
    "sub-nop": """Questo indirizzo era già iscritto alla lista:

!A
""",
    "unsub-nop": """Questo indirizzo non è iscritto alla lista:

!A

Se ricevi lo stesso messaggi della lista, ti arrivano attraverso un altro dei tuoi
indirizzi. La riga Return-Path di uno di quei messaggi mostra quale, con = al
posto di @.
""",
    "sub-bad": """Il numero della tua conferma non è valido, oppure è troppo vecchio.

Per iscrivere questo indirizzo alla lista:

!A

rispondi a questo messaggio o scrivi a:

!R
""",
    "unsub-bad": """Il numero della tua conferma non è valido, oppure è troppo vecchio.

Per togliere questo indirizzo dalla lista:

!A

rispondi a questo messaggio o scrivi a:

!R
""",
    "get-bad": """Questo messaggio non è nell'archivio.
""",
    "help": """Hai chiesto aiuto, o qualcosa che non capisco.
""",
    "bounce-warn": """Alcuni messaggi della lista diretti a te sono tornati indietro. Qui sotto c'è il
primo.

Se torna indietro anche questo messaggio, te ne manderò un altro. Se torna anche
quello, toglierò il tuo indirizzo dalla lista.
""",
    "bounce-probe": """Alcuni messaggi della lista diretti a te sono tornati indietro, e così pure il
messaggio che te ne avvertiva.

Questo è un ultimo tentativo. Se torna indietro anche questo, toglierò il tuo
indirizzo dalla lista. Se lo stai leggendo, non devi fare niente.
""",
    "bounce-num": """
Questi messaggi della lista sono tornati indietro. Se sono nell'archivio, puoi
averne uno mandando un messaggio vuoto a <#l#>-get.NUMERO@<#h#>.

""",
    "dig-bounce-num": """
Queste raccolte sono tornate indietro. Ogni numero è quello del primo messaggio
della raccolta. Se i messaggi sono nell'archivio, puoi avere quelli da 123 a 145
mandando un messaggio vuoto a <#l#>-get.123_145@<#h#>.

""",
    "digest": """Per ricevere le raccolte:         <#l#>-digest-subscribe@<#h#>
Per non riceverle più:            <#l#>-digest-unsubscribe@<#h#>
Per scrivere alla lista:          <#l#>@<#h#>
""",
    "bounce-bottom": """
--- Qui sotto c'è quello che è tornato indietro.

""",
    "mod-request": """Un messaggio per la lista <#l#>@<#h#> aspetta la decisione di un moderatore.

Per accettarlo, così che tutti lo ricevano, rispondi a questo messaggio o scrivi a:

!A

Per rifiutarlo scrivi a:

!R

Se vuoi dire qualcosa all'autore, scrivilo nel tuo messaggio tra due righe che
cominciano con tre segni di percentuale:

%%%
così
%%%

Se nessuno decide, il messaggio viene cancellato dopo qualche giorno.
""",
    "post-confirm": """Tu, spero, hai mandato questo messaggio alla lista <#l#>@<#h#>.

Perché tutti gli iscritti lo ricevano, rispondi a questo messaggio o scrivi a:

!A

Se non è tuo non fare niente, e non sarà inviato. Comincia così:

""",
    "mod-reject": """Un moderatore ha rifiutato il tuo messaggio alla lista <#l#>@<#h#>. Se ne ha
spiegato il motivo, lo trovi qui sotto. Il tuo messaggio è allegato.
""",
    "mod-timeout": """Il tuo messaggio alla lista <#l#>@<#h#> non è stato inviato: nessun moderatore ha
deciso in tempo. È allegato; se vuoi, scrivi a <#l#>-owner@<#h#>.
""",
    "info": """Nessuno ha ancora descritto di che cosa tratta questa lista.
""",
    "faq": """Nessuno ha ancora scritto le risposte alle domande frequenti.
""",
    "mod-sub": """
--- Un moderatore della lista <#l#>@<#h#> lo ha chiesto o ha dato il consenso.

Se non lo vuoi, scrivi a <#l#>-owner@<#h#>.
""",
    "mod-sub-confirm": """Questo indirizzo deve essere iscritto alla lista <#l#>@<#h#>:

!A

Lo ha chiesto la persona a cui appartiene l'indirizzo, oppure tu. Se sei
d'accordo, rispondi a questo messaggio o scrivi a:

!R

Se non fai niente, non succede niente.
""",
    "mod-unsub-confirm": """Questo indirizzo deve essere tolto dalla lista <#l#>@<#h#>:

!A

Lo ha chiesto la persona a cui appartiene l'indirizzo, oppure tu. Se sei
d'accordo, rispondi a questo messaggio o scrivi a:

!R

Se non fai niente, non succede niente.
""",
    "mod-help": """Sei un moderatore della lista <#l#>@<#h#>. Ecco che cosa puoi fare oltre a quello
che possono fare tutti, se la lista è configurata per questo.

Per iscrivere o cancellare mary@host.example manda un messaggio vuoto:

    <#l#>-subscribe-mary=host.example@<#h#>
    <#l#>-unsubscribe-mary=host.example@<#h#>

La conferma la chiederò a te e non a Mary: scrivi quindi dall'indirizzo che
conosco. Mary lo saprà dopo, ma non saprà chi sei.

Se Mary è iscritta:          <#l#>-query-mary=host.example@<#h#>
Tutti gli iscritti:          <#l#>-list@<#h#>
Quanti sono:                 <#l#>-listn@<#h#>
Chi è arrivato e andato via: <#l#>-log@<#h#>
Lo stesso per un indirizzo:  <#l#>-log.mary@<#h#>
I testi che mando:           <#l#>-edit@<#h#>

Le liste accanto alla lista hanno gli stessi comandi. Chi è in allow può scrivere
senza essere iscritto, chi è in deny non può scrivere affatto:

    <#l#>-allow-subscribe-mary=host.example@<#h#>
    <#l#>-deny-subscribe-mary=host.example@<#h#>
    <#l#>-deny-list@<#h#>

Se le iscrizioni sono moderate, quando qualcuno vuole iscriversi ricevi un
messaggio il cui oggetto comincia con "APPROVA". Rispondi se sei d'accordo,
altrimenti non fare niente. Se i messaggi sono moderati, quelli il cui oggetto
comincia con "MODERA" spiegano come decidere.

""",
    "edit-do": """Modifica il testo qui sotto, tra le due righe che cominciano con tre segni di
percentuale, e rimanda tutto indietro: rispondi a questo messaggio o scrivi a

!R

Lascia queste due righe come sono. Se il tuo programma di posta mette un segno
davanti a ogni riga citata, lo tolgo io. Una riga che comincia con ! e R o A viene
sostituita da un indirizzo quando il testo viene inviato.

L'indirizzo qui sopra vale un giorno, e solo per questa modifica.

""",
    "edit-done": """Il testo è stato modificato.
""",
    "edit-list": """Questi sono i testi che puoi modificare. Per averne uno manda un messaggio vuoto a
<#l#>-edit.NOME@<#h#> con il nome indicato qui.

top                l'inizio di ogni risposta
bottom             la fine di ogni risposta
help               la risposta a help e a quello che non capisco
info               di che cosa tratta la lista
faq                domande frequenti
sub_confirm        chiede di confermare un'iscrizione
sub_moderated      sotto sub_confirm, se decidono i moderatori
sub_ok             qualcuno si è iscritto
sub_nop            qualcuno era già iscritto
sub_bad            una conferma non era valida
unsub_confirm      chiede di confermare una cancellazione
unsub_ok           qualcuno ha cancellato l'iscrizione
unsub_nop          qualcuno non era iscritto
unsub_bad          una conferma non era valida
get_bad            un messaggio non è nell'archivio
digest             che cosa una raccolta dice di sé
bounce_warn        i messaggi a qualcuno sono tornati indietro
bounce_probe       è tornato indietro anche l'avviso
bounce_num         sopra i numeri dei messaggi tornati indietro
dig_bounce_num     lo stesso per le raccolte
bounce_bottom      sopra quello che è tornato indietro
mod_help           aiuto per i moderatori
mod_sub            in fondo a quello che si riceve dopo il consenso di un moderatore
mod_sub_confirm    chiede ai moderatori se qualcuno può iscriversi
mod_unsub_confirm  chiede ai moderatori se cancellare qualcuno
mod_request        chiede ai moderatori di un messaggio
post_confirm       chiede agli autori se un messaggio è loro
mod_reject         un messaggio è stato rifiutato
mod_timeout        nessuno ha deciso su un messaggio
edit_do            sopra un testo da modificare
edit_done          un testo è stato modificato
edit_list          questo elenco

""",
}

PHRASES: dict[str, str] = {
    "SUB_RESPONSE": "Risposta della lista <#l#>@<#h#>",
    "SUB_USR_SUBSCRIBE": "Conferma l'iscrizione a <#l#>@<#h#>",
    "SUB_USR_UNSUBSCRIBE": "Conferma la cancellazione da <#l#>@<#h#>",
    "SUB_MOD_SUBSCRIBE": "APPROVA un'iscrizione a <#l#>@<#h#>",
    "SUB_MOD_UNSUBSCRIBE": "APPROVA una cancellazione da <#l#>@<#h#>",
    "SUB_WELCOME": "Ti diamo il benvenuto in <#l#>@<#h#>",
    "SUB_GOODBYE": "Hai lasciato la lista <#l#>@<#h#>",
    "SUB_CONFIRM_POST": "Conferma il tuo messaggio a <#l#>@<#h#>",
    "SUB_MODERATE": "MODERA un messaggio per <#l#>@<#h#>",
    "SUB_RETURNED_POST": "Il tuo messaggio a <#l#>@<#h#> non è stato inviato",
    "SUB_WARNING": "Avviso della lista <#l#>@<#h#>",
    "SUB_PROBE": "Ultimo tentativo della lista <#l#>@<#h#>",
    "SUB_LIST": "Iscritti a <#l#>@<#h#>",
    "SUB_LOG": "Iscrizioni e cancellazioni di <#l#>@<#h#>",
    "SUB_EDIT_LIST": "Testi di <#l#>@<#h#>",
    "SUB_EDIT_REQUEST": "Modifica <#1#> di <#l#>@<#h#>",
    "SUB_EDIT_SUCCESS": "<#1#> di <#l#>@<#h#> è stato modificato",
    "SUB_DIGEST_ISSUE": "<#l#> Raccolta <#1#> numero <#2#>",
    "SUB_DIGEST_OF": "<#l#> Raccolta di: <#1#>",
    "TXT_TOP_TOPICS": "Argomenti (messaggi da <#1#> a <#2#>)",
    "TXT_ADMINISTRIVIA": "Avvisi:",
    "TXT_BY": "di: <#1#>",
    "TXT_NO_SUBJECT": "(senza oggetto)",
    "TXT_TRAILER": "-- \nPer cancellare l'iscrizione: <#l#>-unsubscribe@<#h#>\nAiuto: <#l#>-help@<#h#>",
}
