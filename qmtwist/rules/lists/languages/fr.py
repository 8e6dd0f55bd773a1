"""The texts of a list in French."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "top": """Bonjour. Je suis le programme qui gère la liste de diffusion <#l#>@<#h#>.

""",
    "bottom": """
--- Ce que je peux faire pour vous

Envoyez un message vide à l'une de ces adresses :

Pour vous abonner :                <#l#>-subscribe@<#h#>
Pour vous désabonner :             <#l#>-unsubscribe@<#h#>
Pour relire cette aide :           <#l#>-help@<#h#>
Le message 123 des archives :      <#l#>-get.123@<#h#>
Les messages 123 à 130 (pour les
abonnés) :                         <#l#>-get.123_130@<#h#>
La discussion du message 123
(pour les abonnés) :               <#l#>-thread.123@<#h#>
La liste des messages archivés :   <#l#>-index@<#h#>

Si la liste publie des recueils, qui réunissent plusieurs messages en un seul :

Pour les recevoir :                <#l#>-digest-subscribe@<#h#>
Pour ne plus les recevoir :        <#l#>-digest-unsubscribe@<#h#>

Pour une autre adresse que celle d'où vous écrivez, par exemple
mary@host.example, ajoutez-la après le mot, avec = à la place de @ :

    <#l#>-subscribe-mary=host.example@<#h#>

Ce que vous envoyez à <#l#>-owner@<#h#> est lu par une personne.

--- Voici une copie du message que j'ai reçu.

""",
    "sub-confirm": """Quelqu'un, vous-même je l'espère, m'a demandé d'abonner cette adresse à la
liste :

!A

Si c'est bien ce que vous souhaitez, répondez à ce message, ou écrivez à :

!R

Si vous ne faites rien, rien ne se passera.
""",
    "sub-moderated": """
Après votre confirmation, un modérateur décidera de votre abonnement.
""",
    "unsub-confirm": """Quelqu'un, vous-même je l'espère, m'a demandé de retirer cette adresse de la
liste :

!A

Si c'est bien ce que vous souhaitez, répondez à ce message, ou écrivez à :

!R

Si vous ne faites rien, rien ne se passera.
""",
    "sub-ok": """Bienvenue ! Cette adresse est maintenant abonnée à la liste :

!A

Merci de conserver ce message : il explique comment vous désabonner.
""",
    "unsub-ok": """Cette adresse n'est plus abonnée à la liste :

!A

Au revoir !
""",
    "sub-nop": """Cette adresse était déjà abonnée à la liste :

!A
""",
    "unsub-nop": """Cette adresse n'est pas abonnée à la liste :

!A

Si vous recevez tout de même des messages de la liste, ils vous parviennent par
une autre de vos adresses. La ligne Return-Path d'un tel message indique
laquelle, avec = à la place de @.
""",
    "sub-bad": """Le numéro de votre confirmation n'est pas valable, ou il est trop ancien.

Pour abonner cette adresse à la liste :

!A

répondez à ce message, ou écrivez à :

!R
""",
    "unsub-bad": """Le numéro de votre confirmation n'est pas valable, ou il est trop ancien.

Pour retirer cette adresse de la liste :

!A

répondez à ce message, ou écrivez à :

!R
""",
    "get-bad": """Ce message ne se trouve pas dans les archives.
""",
    "help": """Vous avez demandé de l'aide, ou quelque chose que je ne comprends pas.
""",
    "bounce-warn": """Des messages de la liste qui vous étaient destinés me sont revenus. Vous
trouverez ci-dessous le premier d'entre eux.

Si ce message-ci me revient également, je vous en enverrai un autre. Si celui-là
revient aussi, je retirerai votre adresse de la liste.
""",
    "bounce-probe": """Des messages de la liste qui vous étaient destinés me sont revenus, de même que
le message qui vous en avertissait.

Ceci est un dernier essai. S'il me revient aussi, je retirerai votre adresse de
la liste. Si vous lisez ces lignes, vous n'avez rien à faire.
""",
    "bounce-num": """
Les messages suivants de la liste me sont revenus. S'ils sont archivés, vous
obtiendrez chacun d'eux en envoyant un message vide à
<#l#>-get.NUMERO@<#h#>.

""",
    "dig-bounce-num": """
Les recueils suivants me sont revenus. Chaque numéro est celui du premier
message du recueil. Si les messages sont archivés, vous obtiendrez ceux de 123 à
145 en envoyant un message vide à <#l#>-get.123_145@<#h#>.

""",
    "digest": """Pour recevoir les recueils :     <#l#>-digest-subscribe@<#h#>
Pour ne plus les recevoir :      <#l#>-digest-unsubscribe@<#h#>
Pour écrire à la liste :         <#l#>@<#h#>
""",
    "bounce-bottom": """
--- Voici ce qui m'est revenu.

""",
    "mod-request": """Un message pour la liste <#l#>@<#h#> attend la décision d'un modérateur.

Pour l'accepter, afin que tous les abonnés le reçoivent, répondez à ce message,
ou écrivez à :

!A

Pour le refuser, écrivez à :

!R

Si vous avez quelque chose à dire à l'auteur, écrivez-le dans votre message entre
deux lignes qui commencent par trois signes de pourcentage :

%%%
comme ceci
%%%

Si personne ne se prononce, le message sera supprimé au bout de quelques jours.
""",
    "post-confirm": """Vous avez, je l'espère, envoyé ce message à la liste <#l#>@<#h#>.

Pour qu'il soit transmis à tous les abonnés, répondez à ce message, ou écrivez à :

!A

S'il n'est pas de vous, ne faites rien : il ne sera pas diffusé. Il commence ainsi :

""",
    "mod-reject": """Votre message à la liste <#l#>@<#h#> a été refusé par un modérateur. S'il en a
donné la raison, vous la trouverez ci-dessous. Votre message est joint.
""",
    "mod-timeout": """Votre message à la liste <#l#>@<#h#> n'a pas été diffusé : aucun modérateur ne
s'est prononcé à temps. Il est joint ; vous pouvez vous adresser à
<#l#>-owner@<#h#>.
""",
    "info": """Personne n'a encore décrit le sujet de cette liste.
""",
    "faq": """Personne n'a encore rédigé de réponses aux questions fréquentes.
""",
    "mod-sub": """
--- Un modérateur de la liste <#l#>@<#h#> l'a demandé ou approuvé.

Si vous ne le souhaitez pas, écrivez à <#l#>-owner@<#h#>.
""",
    "mod-sub-confirm": """Cette adresse doit être abonnée à la liste <#l#>@<#h#> :

!A

La personne à qui appartient l'adresse l'a demandé, ou bien vous-même. Si vous
êtes d'accord, répondez à ce message, ou écrivez à :

!R

Si vous ne faites rien, rien ne se passera.
""",
    "mod-unsub-confirm": """Cette adresse doit être retirée de la liste <#l#>@<#h#> :

!A

La personne à qui appartient l'adresse l'a demandé, ou bien vous-même. Si vous
êtes d'accord, répondez à ce message, ou écrivez à :

!R

Si vous ne faites rien, rien ne se passera.
""",
    "mod-help": """Vous êtes modérateur de la liste <#l#>@<#h#>. Voici ce que vous pouvez faire de
plus que les autres, dans la mesure où la liste est configurée pour cela.

Pour abonner ou désabonner mary@host.example, envoyez un message vide :

    <#l#>-subscribe-mary=host.example@<#h#>
    <#l#>-unsubscribe-mary=host.example@<#h#>

C'est à vous, et non à Mary, que je demanderai de confirmer : écrivez donc de
l'adresse que je connais. Mary en sera informée ensuite, mais elle ne saura pas
qui vous êtes.

Si Mary est abonnée :        <#l#>-query-mary=host.example@<#h#>
Tous les abonnés :           <#l#>-list@<#h#>
Leur nombre :                <#l#>-listn@<#h#>
Les arrivées et départs :    <#l#>-log@<#h#>
Ceux d'une seule adresse :   <#l#>-log.mary@<#h#>
Les textes que j'envoie :    <#l#>-edit@<#h#>

Les listes annexes ont les mêmes commandes. Une adresse de allow peut écrire sans
être abonnée, une adresse de deny ne peut pas écrire du tout :

    <#l#>-allow-subscribe-mary=host.example@<#h#>
    <#l#>-deny-subscribe-mary=host.example@<#h#>
    <#l#>-deny-list@<#h#>

Si les abonnements sont modérés, vous recevez un message dont le sujet commence
par « ACCORD » quand quelqu'un veut s'abonner. Répondez-y si vous êtes d'accord,
sinon ne faites rien. Si les messages sont modérés, ceux dont le sujet commence
par « MODÉRATION » expliquent comment décider.

""",
    "edit-do": """Modifiez le texte ci-dessous, entre les deux lignes qui commencent par trois
signes de pourcentage, et renvoyez le tout : répondez à ce message, ou écrivez à

!R

Laissez ces deux lignes telles quelles. Si votre logiciel de messagerie ajoute un
signe devant chaque ligne citée, je l'enlèverai. Une ligne qui commence par ! et R
ou A est remplacée par une adresse au moment de l'envoi.

L'adresse ci-dessus est valable un jour, et pour cette modification seulement.

""",
    "edit-done": """Le texte a été modifié.
""",
    "edit-list": """Voici les textes que vous pouvez modifier. Pour en obtenir un, envoyez un message
vide à <#l#>-edit.NOM@<#h#> avec le nom indiqué ici.

top                le début de chaque réponse
bottom             la fin de chaque réponse
help               la réponse à help, et à ce que je ne comprends pas
info               le sujet de la liste
faq                les questions fréquentes
sub_confirm        demande de confirmer un abonnement
sub_moderated      après sub_confirm, si des modérateurs décident
sub_ok             un abonnement est fait
sub_nop            l'adresse était déjà abonnée
sub_bad            une confirmation n'était pas valable
unsub_confirm      demande de confirmer un désabonnement
unsub_ok           un désabonnement est fait
unsub_nop          l'adresse n'était pas abonnée
unsub_bad          une confirmation n'était pas valable
get_bad            un message n'est pas dans les archives
digest             ce qu'un recueil dit de lui-même
bounce_warn        des messages à un abonné sont revenus
bounce_probe       l'avertissement est revenu aussi
bounce_num         avant les numéros des messages revenus
dig_bounce_num     de même pour les recueils
bounce_bottom      avant ce qui est revenu
mod_help           l'aide pour les modérateurs
mod_sub            à la fin de ce qu'un abonné reçoit après l'accord d'un modérateur
mod_sub_confirm    demande aux modérateurs d'accepter un abonnement
mod_unsub_confirm  demande aux modérateurs d'accepter un désabonnement
mod_request        demande aux modérateurs de juger un message
post_confirm       demande aux auteurs si un message est bien le leur
mod_reject         un message a été refusé
mod_timeout        personne ne s'est prononcé sur un message
edit_do            avant un texte à modifier
edit_done          un texte a été modifié
edit_list          cette énumération

""",
}

PHRASES: dict[str, str] = {
    "SUB_RESPONSE": "Réponse de la liste <#l#>@<#h#>",
    "SUB_USR_SUBSCRIBE": "Confirmez votre abonnement à <#l#>@<#h#>",
    "SUB_USR_UNSUBSCRIBE": "Confirmez votre désabonnement de <#l#>@<#h#>",
    "SUB_MOD_SUBSCRIBE": "ACCORD pour un abonnement à <#l#>@<#h#>",
    "SUB_MOD_UNSUBSCRIBE": "ACCORD pour un désabonnement de <#l#>@<#h#>",
    "SUB_WELCOME": "Bienvenue sur la liste <#l#>@<#h#>",
    "SUB_GOODBYE": "Vous avez quitté la liste <#l#>@<#h#>",
    "SUB_CONFIRM_POST": "Confirmez votre message à <#l#>@<#h#>",
    "SUB_MODERATE": "MODÉRATION pour <#l#>@<#h#>",
    "SUB_RETURNED_POST": "Votre message à <#l#>@<#h#> n'a pas été diffusé",
    "SUB_WARNING": "Avertissement de la liste <#l#>@<#h#>",
    "SUB_PROBE": "Dernier essai de la liste <#l#>@<#h#>",
    "SUB_LIST": "Abonnés de <#l#>@<#h#>",
    "SUB_LOG": "Arrivées et départs de <#l#>@<#h#>",
    "SUB_EDIT_LIST": "Textes de <#l#>@<#h#>",
    "SUB_EDIT_REQUEST": "Modifier <#1#> de <#l#>@<#h#>",
    "SUB_EDIT_SUCCESS": "<#1#> de <#l#>@<#h#> a été modifié",
    "SUB_DIGEST_ISSUE": "<#l#> Recueil <#1#> numéro <#2#>",
    "SUB_DIGEST_OF": "<#l#> Recueil de : <#1#>",
    "TXT_TOP_TOPICS": "Sujets (messages <#1#> à <#2#>)",
    "TXT_ADMINISTRIVIA": "Informations :",
    "TXT_BY": "de : <#1#>",
    "TXT_NO_SUBJECT": "(sans objet)",
    "TXT_TRAILER": "-- \nPour quitter la liste : <#l#>-unsubscribe@<#h#>\nAide : <#l#>-help@<#h#>",
}
