"""The texts of a list in Spanish."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "top": """Hola. Soy el programa que administra la lista de correo <#l#>@<#h#>.

""",
    "bottom": """
--- Lo que puedo hacer por usted

Envíe un mensaje vacío a una de estas direcciones:

Para suscribirse:                  <#l#>-subscribe@<#h#>
Para darse de baja:                <#l#>-unsubscribe@<#h#>
Para volver a leer esta ayuda:     <#l#>-help@<#h#>
El mensaje 123 del archivo:        <#l#>-get.123@<#h#>
Los mensajes 123 a 130 (para los
suscriptores):                     <#l#>-get.123_130@<#h#>
La conversación del mensaje 123
(para los suscriptores):           <#l#>-thread.123@<#h#>
Qué mensajes hay en el archivo:    <#l#>-index@<#h#>

Si la lista publica resúmenes, que reúnen varios mensajes en uno:

Para recibirlos:                   <#l#>-digest-subscribe@<#h#>
Para dejar de recibirlos:          <#l#>-digest-unsubscribe@<#h#>

Para una dirección distinta de aquella desde la que escribe, por ejemplo
mary@host.example, añádala detrás de la palabra, con = en lugar de @:

    <#l#>-subscribe-mary=host.example@<#h#>

Lo que envíe a <#l#>-owner@<#h#> lo lee una persona.

--- A continuación, una copia del mensaje que he recibido.

""",
    "sub-confirm": """Alguien, espero que usted, me ha pedido que suscriba esta dirección a la lista:

!A

Si es lo que desea, responda a este mensaje o escriba a:

!R

Si no hace nada, no ocurrirá nada.
""",
    "sub-moderated": """
Tras su confirmación, un moderador decidirá sobre la suscripción.
""",
    "unsub-confirm": """Alguien, espero que usted, me ha pedido que dé de baja esta dirección de la
lista:

!A

Si es lo que desea, responda a este mensaje o escriba a:

!R

Si no hace nada, no ocurrirá nada.
""",
    "sub-ok": """¡Le damos la bienvenida! Esta dirección ya está suscrita a la lista:

!A

Conserve este mensaje, por favor: explica cómo darse de baja.
""",
    "unsub-ok": """Esta dirección ya no está suscrita a la lista:

!A

¡Hasta la vista!
""",
    "sub-nop": """Esta dirección ya estaba suscrita a la lista:

!A
""",
    "unsub-nop": """Esta dirección no está suscrita a la lista:

!A

Si a pesar de ello recibe mensajes de la lista, le llegan por otra de sus
direcciones. La línea Return-Path de uno de esos mensajes muestra cuál es, con =
en lugar de @.
""",
    "sub-bad": """El número de su confirmación no es válido o es demasiado antiguo.

Para suscribir esta dirección a la lista:

!A

responda a este mensaje o escriba a:

!R
""",
    "unsub-bad": """El número de su confirmación no es válido o es demasiado antiguo.

Para dar de baja esta dirección de la lista:

!A

responda a este mensaje o escriba a:

!R
""",
    "get-bad": """Ese mensaje no está en el archivo.
""",
    "help": """Ha pedido ayuda, o algo que no entiendo.
""",
    "bounce-warn": """Me han devuelto mensajes de la lista dirigidos a usted. Más abajo está el
primero de ellos.

Si este mensaje también me es devuelto, le enviaré otro. Si ese tampoco llega,
daré de baja su dirección.
""",
    "bounce-probe": """Me han devuelto mensajes de la lista dirigidos a usted, y también el mensaje en
que le avisaba de ello.

Este es el último intento. Si también me es devuelto, daré de baja su dirección.
Si está leyendo esto, no tiene que hacer nada.
""",
    "bounce-num": """
Estos son los mensajes de la lista que me han devuelto. Si están en el archivo,
puede obtener cada uno enviando un mensaje vacío a <#l#>-get.NUMERO@<#h#>.

""",
    "dig-bounce-num": """
Estos son los resúmenes que me han devuelto. Cada número es el del primer mensaje
del resumen. Si los mensajes están en el archivo, puede obtener los del 123 al 145
enviando un mensaje vacío a <#l#>-get.123_145@<#h#>.

""",
    "digest": """Para recibir los resúmenes:       <#l#>-digest-subscribe@<#h#>
Para dejar de recibirlos:         <#l#>-digest-unsubscribe@<#h#>
Para escribir a la lista:         <#l#>@<#h#>
""",
    "bounce-bottom": """
--- A continuación, lo que me han devuelto.

""",
    "mod-request": """Un mensaje para la lista <#l#>@<#h#> espera la decisión de un moderador.

Para aceptarlo, de modo que todos lo reciban, responda a este mensaje o escriba a:

!A

Para rechazarlo, escriba a:

!R

Si quiere decirle algo al autor, escríbalo en su mensaje entre dos líneas que
empiecen con tres signos de porcentaje:

%%%
así
%%%

Si nadie decide, el mensaje se borrará al cabo de unos días.
""",
    "post-confirm": """Usted, según espero, ha enviado este mensaje a la lista <#l#>@<#h#>.

Para que lo reciban todos los suscriptores, responda a este mensaje o escriba a:

!A

Si no es suyo, no haga nada y no se enviará. Empieza así:

""",
    "mod-reject": """Un moderador ha rechazado su mensaje a la lista <#l#>@<#h#>. Si ha dado el
motivo, lo encontrará más abajo. Su mensaje va adjunto.
""",
    "mod-timeout": """Su mensaje a la lista <#l#>@<#h#> no se ha enviado: ningún moderador ha decidido
a tiempo. Va adjunto; si lo desea, escriba a <#l#>-owner@<#h#>.
""",
    "info": """Todavía nadie ha descrito de qué trata esta lista.
""",
    "faq": """Todavía nadie ha escrito respuestas a las preguntas frecuentes.
""",
    "mod-sub": """
--- Un moderador de la lista <#l#>@<#h#> lo ha pedido o ha estado de acuerdo.

Si usted no lo desea, escriba a <#l#>-owner@<#h#>.
""",
    "mod-sub-confirm": """Se va a suscribir esta dirección a la lista <#l#>@<#h#>:

!A

Lo ha pedido la persona a la que pertenece la dirección, o usted. Si está de
acuerdo, responda a este mensaje o escriba a:

!R

Si no hace nada, no ocurrirá nada.
""",
    "mod-unsub-confirm": """Se va a dar de baja esta dirección de la lista <#l#>@<#h#>:

!A

Lo ha pedido la persona a la que pertenece la dirección, o usted. Si está de
acuerdo, responda a este mensaje o escriba a:

!R

Si no hace nada, no ocurrirá nada.
""",
    "mod-help": """Usted es moderador de la lista <#l#>@<#h#>. Esto es lo que puede hacer además de
lo que pueden todos, en la medida en que la lista esté configurada para ello.

Para suscribir o dar de baja a mary@host.example, envíe un mensaje vacío:

    <#l#>-subscribe-mary=host.example@<#h#>
    <#l#>-unsubscribe-mary=host.example@<#h#>

La confirmación se la pediré a usted y no a Mary; escriba, pues, desde la
dirección por la que le conozco. Mary se enterará después, pero no sabrá quién es
usted.

Si Mary está suscrita:       <#l#>-query-mary=host.example@<#h#>
Todos los suscriptores:      <#l#>-list@<#h#>
Cuántos son:                 <#l#>-listn@<#h#>
Altas y bajas:               <#l#>-log@<#h#>
Las de una dirección:        <#l#>-log.mary@<#h#>
Los textos que envío:        <#l#>-edit@<#h#>

Las listas auxiliares tienen las mismas órdenes. Quien está en allow puede
escribir sin estar suscrito; quien está en deny no puede escribir:

    <#l#>-allow-subscribe-mary=host.example@<#h#>
    <#l#>-deny-subscribe-mary=host.example@<#h#>
    <#l#>-deny-list@<#h#>

Si las suscripciones están moderadas, recibirá un mensaje cuyo asunto empieza por
«APROBAR» cuando alguien quiera suscribirse. Respóndalo si está de acuerdo; si
no, no haga nada. Si los mensajes están moderados, aquellos cuyo asunto empieza
por «MODERAR» explican cómo decidir.

""",
    "edit-do": """Modifique el texto de más abajo, entre las dos líneas que empiezan con tres signos
de porcentaje, y devuélvalo todo: responda a este mensaje o escriba a

!R

Deje esas dos líneas como están. Si su programa de correo pone un signo delante de
cada línea citada, yo lo quitaré. Una línea que empieza por ! y R o A se sustituye
por una dirección cuando se envía el texto.

La dirección de arriba vale un día, y solo para este cambio.

""",
    "edit-done": """El texto se ha modificado.
""",
    "edit-list": """Estos son los textos que puede modificar. Para obtener uno, envíe un mensaje vacío
a <#l#>-edit.NOMBRE@<#h#> con el nombre que figura aquí.

top                el principio de cada respuesta
bottom             el final de cada respuesta
help               la respuesta a help y a lo que no entiendo
info               de qué trata la lista
faq                preguntas frecuentes
sub_confirm        pide confirmar una suscripción
sub_moderated      después de sub_confirm, si deciden los moderadores
sub_ok             alguien se ha suscrito
sub_nop            alguien ya estaba suscrito
sub_bad            una confirmación no era válida
unsub_confirm      pide confirmar una baja
unsub_ok           alguien se ha dado de baja
unsub_nop          alguien no estaba suscrito
unsub_bad          una confirmación no era válida
get_bad            un mensaje no está en el archivo
digest             lo que un resumen dice de sí mismo
bounce_warn        se han devuelto mensajes dirigidos a alguien
bounce_probe       también se ha devuelto el aviso
bounce_num         antes de los números de los mensajes devueltos
dig_bounce_num     lo mismo para los resúmenes
bounce_bottom      antes de lo que se ha devuelto
mod_help           ayuda para moderadores
mod_sub            al final de lo que se recibe cuando un moderador ha aceptado
mod_sub_confirm    pregunta a los moderadores si alguien puede suscribirse
mod_unsub_confirm  pregunta a los moderadores si se da de baja a alguien
mod_request        pregunta a los moderadores por un mensaje
post_confirm       pregunta a los autores si un mensaje es suyo
mod_reject         se ha rechazado un mensaje
mod_timeout        nadie ha decidido sobre un mensaje
edit_do            antes de un texto que se va a modificar
edit_done          se ha modificado un texto
edit_list          esta relación

""",
}

PHRASES: dict[str, str] = {
    "SUB_RESPONSE": "Respuesta de la lista <#l#>@<#h#>",
    "SUB_USR_SUBSCRIBE": "Confirme su suscripción a <#l#>@<#h#>",
    "SUB_USR_UNSUBSCRIBE": "Confirme su baja de <#l#>@<#h#>",
    "SUB_MOD_SUBSCRIBE": "APROBAR una suscripción a <#l#>@<#h#>",
    "SUB_MOD_UNSUBSCRIBE": "APROBAR una baja de <#l#>@<#h#>",
    "SUB_WELCOME": "Le damos la bienvenida a <#l#>@<#h#>",
    "SUB_GOODBYE": "Se ha dado de baja de <#l#>@<#h#>",
    "SUB_CONFIRM_POST": "Confirme su mensaje a <#l#>@<#h#>",
    "SUB_MODERATE": "MODERAR un mensaje para <#l#>@<#h#>",
    "SUB_RETURNED_POST": "Su mensaje a <#l#>@<#h#> no se ha enviado",
    "SUB_WARNING": "Aviso de la lista <#l#>@<#h#>",
    "SUB_PROBE": "Último intento de la lista <#l#>@<#h#>",
    "SUB_LIST": "Suscriptores de <#l#>@<#h#>",
    "SUB_LOG": "Altas y bajas de <#l#>@<#h#>",
    "SUB_EDIT_LIST": "Textos de <#l#>@<#h#>",
    "SUB_EDIT_REQUEST": "Modificar <#1#> de <#l#>@<#h#>",
    "SUB_EDIT_SUCCESS": "Se ha modificado <#1#> de <#l#>@<#h#>",
    "SUB_DIGEST_ISSUE": "<#l#> Resumen <#1#> número <#2#>",
    "SUB_DIGEST_OF": "<#l#> Resumen de: <#1#>",
    "TXT_TOP_TOPICS": "Temas (mensajes <#1#> a <#2#>)",
    "TXT_ADMINISTRIVIA": "Avisos:",
    "TXT_BY": "de: <#1#>",
    "TXT_NO_SUBJECT": "(sin asunto)",
    "TXT_TRAILER": "-- \nPara darse de baja: <#l#>-unsubscribe@<#h#>\nAyuda: <#l#>-help@<#h#>",
}
