"""The texts of a list in Portuguese, in words that are used in Portugal and in Brazil."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "top": """Olá. Este é o programa que cuida da lista de discussão <#l#>@<#h#>.

""",
    "bottom": """
--- O que este programa pode fazer

Envie uma mensagem vazia para um destes endereços:

Para assinar a lista:              <#l#>-subscribe@<#h#>
Para cancelar a assinatura:        <#l#>-unsubscribe@<#h#>
Para ler de novo esta ajuda:       <#l#>-help@<#h#>
A mensagem 123 do arquivo:         <#l#>-get.123@<#h#>
As mensagens 123 a 130 (para
assinantes):                       <#l#>-get.123_130@<#h#>
A conversa da mensagem 123 (para
assinantes):                       <#l#>-thread.123@<#h#>
Que mensagens existem:             <#l#>-index@<#h#>

Se a lista publica coletâneas, que reúnem várias mensagens em uma só:

Para receber as coletâneas:        <#l#>-digest-subscribe@<#h#>
Para deixar de as receber:         <#l#>-digest-unsubscribe@<#h#>

Para um endereço diferente daquele de onde escreve, por exemplo
mary@host.example, acrescente-o depois da palavra, com = no lugar de @:

    <#l#>-subscribe-mary=host.example@<#h#>

O que enviar para <#l#>-owner@<#h#> é lido por uma pessoa.

--- Segue-se uma cópia da mensagem recebida.

""",
    "sub-confirm": """Alguém pediu que este endereço fosse incluído na lista:

!A

Se é isso o que deseja, responda a esta mensagem ou escreva para:

!R

Se não fizer nada, nada acontecerá.
""",
    "sub-moderated": """
Depois da sua confirmação, um moderador decidirá sobre a assinatura.
""",
    "unsub-confirm": """Alguém pediu que este endereço fosse retirado da lista:

!A

Se é isso o que deseja, responda a esta mensagem ou escreva para:

!R

Se não fizer nada, nada acontecerá.
""",
    "sub-ok": """Boas-vindas! Este endereço está agora na lista:

!A

Guarde esta mensagem: ela explica como cancelar a assinatura.
""",
    "unsub-ok": """Este endereço já não está na lista:

!A

Até à próxima!
""",
    "sub-nop": """Este endereço já estava na lista:

!A
""",
    "unsub-nop": """Este endereço não está na lista:

!A

Se mesmo assim recebe mensagens da lista, elas chegam por outro dos seus
endereços. A linha Return-Path de uma dessas mensagens mostra qual, com = no lugar
de @.
""",
    "sub-bad": """O número da sua confirmação não é válido, ou é antigo demais.

Para incluir este endereço na lista:

!A

responda a esta mensagem ou escreva para:

!R
""",
    "unsub-bad": """O número da sua confirmação não é válido, ou é antigo demais.

Para retirar este endereço da lista:

!A

responda a esta mensagem ou escreva para:

!R
""",
    "get-bad": """Essa mensagem não está no arquivo.
""",
    "help": """Pediu ajuda, ou algo que este programa não entende.
""",
    "bounce-warn": """Mensagens da lista enviadas para o seu endereço foram devolvidas. A primeira
delas está mais abaixo.

Se esta mensagem também for devolvida, será enviada mais uma. Se essa também
voltar, o seu endereço será retirado da lista.
""",
    "bounce-probe": """Mensagens da lista enviadas para o seu endereço foram devolvidas, e a mensagem
que o avisava disso também.

Esta é a última tentativa. Se também for devolvida, o seu endereço será retirado
da lista. Se recebeu esta mensagem, não é preciso fazer nada.
""",
    "bounce-num": """
Estas mensagens da lista foram devolvidas. Se estiverem no arquivo, pode obter uma
delas enviando uma mensagem vazia para <#l#>-get.NUMERO@<#h#>.

""",
    "dig-bounce-num": """
Estas coletâneas foram devolvidas. Cada número é o da primeira mensagem da
coletânea. Se as mensagens estiverem no arquivo, pode obter as de 123 a 145
enviando uma mensagem vazia para <#l#>-get.123_145@<#h#>.

""",
    "digest": """Para receber as coletâneas:       <#l#>-digest-subscribe@<#h#>
Para deixar de as receber:        <#l#>-digest-unsubscribe@<#h#>
Para escrever para a lista:       <#l#>@<#h#>
""",
    "bounce-bottom": """
--- Segue-se o que foi devolvido.

""",
    "mod-request": """Uma mensagem para a lista <#l#>@<#h#> espera pela decisão de um moderador.

Para que todos a recebam, responda a esta mensagem ou escreva para:

!A

Para a recusar, escreva para:

!R

Se quiser dizer alguma coisa ao autor, escreva-a na sua mensagem entre duas linhas
que comecem com três sinais de percentagem:

%%%
assim
%%%

Se ninguém decidir, a mensagem será apagada ao fim de alguns dias.
""",
    "post-confirm": """Esta mensagem foi enviada para a lista <#l#>@<#h#> com o seu endereço.

Para que todos os assinantes a recebam, responda a esta mensagem ou escreva para:

!A

Se não a escreveu, não faça nada, e ela não será enviada. Começa assim:

""",
    "mod-reject": """A sua mensagem para a lista <#l#>@<#h#> foi recusada por um moderador. Se ele deu
o motivo, está mais abaixo. A sua mensagem vai em anexo.
""",
    "mod-timeout": """A sua mensagem para a lista <#l#>@<#h#> não foi enviada: nenhum moderador decidiu
a tempo. Ela vai em anexo; se quiser, escreva para <#l#>-owner@<#h#>.
""",
    "info": """Ainda ninguém descreveu o assunto desta lista.
""",
    "faq": """Ainda ninguém escreveu respostas às perguntas frequentes.
""",
    "mod-sub": """
--- Um moderador da lista <#l#>@<#h#> pediu isto ou concordou.

Se não é o que deseja, escreva para <#l#>-owner@<#h#>.
""",
    "mod-sub-confirm": """Este endereço deve ser incluído na lista <#l#>@<#h#>:

!A

O pedido foi feito pela pessoa a quem pertence o endereço, ou por si. Se concorda,
responda a esta mensagem ou escreva para:

!R

Se não fizer nada, nada acontecerá.
""",
    "mod-unsub-confirm": """Este endereço deve ser retirado da lista <#l#>@<#h#>:

!A

O pedido foi feito pela pessoa a quem pertence o endereço, ou por si. Se concorda,
responda a esta mensagem ou escreva para:

!R

Se não fizer nada, nada acontecerá.
""",
    "mod-help": """O seu endereço é o de um moderador da lista <#l#>@<#h#>. Além do que todos podem
fazer, eis o que pode um moderador, se a lista estiver configurada para isso.

Para incluir ou retirar mary@host.example, envie uma mensagem vazia:

    <#l#>-subscribe-mary=host.example@<#h#>
    <#l#>-unsubscribe-mary=host.example@<#h#>

A confirmação é pedida ao moderador, e não a Mary; escreva portanto do endereço que
a lista conhece. Mary será avisada depois, mas não saberá por quem.

Se Mary está na lista:       <#l#>-query-mary=host.example@<#h#>
Todos os assinantes:         <#l#>-list@<#h#>
Quantos são:                 <#l#>-listn@<#h#>
Quem entrou e quem saiu:     <#l#>-log@<#h#>
O mesmo para um endereço:    <#l#>-log.mary@<#h#>
Os textos da lista:          <#l#>-edit@<#h#>

As listas auxiliares têm os mesmos comandos. Quem está em allow pode escrever sem
ser assinante; quem está em deny não pode escrever:

    <#l#>-allow-subscribe-mary=host.example@<#h#>
    <#l#>-deny-subscribe-mary=host.example@<#h#>
    <#l#>-deny-list@<#h#>

Se as assinaturas são moderadas, chega uma mensagem cujo assunto começa por
"APROVAR" quando alguém quer assinar a lista. Responda se concorda; se não, não
faça nada. Se as mensagens são moderadas, aquelas cujo assunto começa por
"MODERAR" explicam como decidir.

""",
    "edit-do": """Altere o texto mais abaixo, entre as duas linhas que começam com três sinais de
percentagem, e envie tudo de volta: responda a esta mensagem ou escreva para

!R

Deixe essas duas linhas como estão. Se o seu programa de e-mail puser um sinal no
início de cada linha citada, ele será retirado. Uma linha que começa por ! e R ou A
é substituída por um endereço quando o texto é enviado.

O endereço acima é válido por um dia, e só para esta alteração.

""",
    "edit-done": """O texto foi alterado.
""",
    "edit-list": """Estes são os textos que se podem alterar. Para obter um deles, envie uma mensagem
vazia para <#l#>-edit.NOME@<#h#> com o nome indicado aqui.

top                o começo de cada resposta
bottom             o fim de cada resposta
help               a resposta a help e ao que não se entende
info               o assunto da lista
faq                perguntas frequentes
sub_confirm        pede a confirmação de uma assinatura
sub_moderated      depois de sub_confirm, se os moderadores decidem
sub_ok             alguém assinou a lista
sub_nop            alguém já estava na lista
sub_bad            uma confirmação não era válida
unsub_confirm      pede a confirmação de um cancelamento
unsub_ok           alguém cancelou a assinatura
unsub_nop          alguém não estava na lista
unsub_bad          uma confirmação não era válida
get_bad            uma mensagem não está no arquivo
digest             o que uma coletânea diz de si mesma
bounce_warn        mensagens para alguém foram devolvidas
bounce_probe       o aviso também foi devolvido
bounce_num         antes dos números das mensagens devolvidas
dig_bounce_num     o mesmo para as coletâneas
bounce_bottom      antes do que foi devolvido
mod_help           ajuda para moderadores
mod_sub            no fim do que se recebe quando um moderador concordou
mod_sub_confirm    pergunta aos moderadores se alguém pode assinar a lista
mod_unsub_confirm  pergunta aos moderadores se alguém deve ser retirado
mod_request        pergunta aos moderadores sobre uma mensagem
post_confirm       pergunta aos autores se uma mensagem é deles
mod_reject         uma mensagem foi recusada
mod_timeout        ninguém decidiu sobre uma mensagem
edit_do            antes de um texto a alterar
edit_done          um texto foi alterado
edit_list          esta relação

""",
}

PHRASES: dict[str, str] = {
    "SUB_RESPONSE": "Resposta da lista <#l#>@<#h#>",
    "SUB_USR_SUBSCRIBE": "Confirme a assinatura de <#l#>@<#h#>",
    "SUB_USR_UNSUBSCRIBE": "Confirme o cancelamento da assinatura de <#l#>@<#h#>",
    "SUB_MOD_SUBSCRIBE": "APROVAR uma assinatura de <#l#>@<#h#>",
    "SUB_MOD_UNSUBSCRIBE": "APROVAR um cancelamento em <#l#>@<#h#>",
    "SUB_WELCOME": "Boas-vindas à lista <#l#>@<#h#>",
    "SUB_GOODBYE": "A assinatura de <#l#>@<#h#> foi cancelada",
    "SUB_CONFIRM_POST": "Confirme a sua mensagem para <#l#>@<#h#>",
    "SUB_MODERATE": "MODERAR uma mensagem para <#l#>@<#h#>",
    "SUB_RETURNED_POST": "A sua mensagem para <#l#>@<#h#> não foi enviada",
    "SUB_WARNING": "Aviso da lista <#l#>@<#h#>",
    "SUB_PROBE": "Última tentativa da lista <#l#>@<#h#>",
    "SUB_LIST": "Assinantes de <#l#>@<#h#>",
    "SUB_LOG": "Entradas e saídas de <#l#>@<#h#>",
    "SUB_EDIT_LIST": "Textos de <#l#>@<#h#>",
    "SUB_EDIT_REQUEST": "Alterar <#1#> de <#l#>@<#h#>",
    "SUB_EDIT_SUCCESS": "<#1#> de <#l#>@<#h#> foi alterado",
    "SUB_DIGEST_ISSUE": "<#l#> Coletânea <#1#> número <#2#>",
    "SUB_DIGEST_OF": "<#l#> Coletânea de: <#1#>",
    "TXT_TOP_TOPICS": "Assuntos (mensagens <#1#> a <#2#>)",
    "TXT_ADMINISTRIVIA": "Avisos:",
    "TXT_BY": "de: <#1#>",
    "TXT_NO_SUBJECT": "(sem assunto)",
    "TXT_TRAILER": "-- \nPara cancelar a assinatura: <#l#>-unsubscribe@<#h#>\nAjuda: <#l#>-help@<#h#>",
}
