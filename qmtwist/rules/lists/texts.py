"""The texts of a new list, in English. `<#l#>@<#h#>` is its address, `!R` where to confirm, `!A` the address that it is
about. The same in other languages is in the room languages; a text that is added here is needed there.
"""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "top": """Hello. This is the program that looks after the mailing list <#l#>@<#h#>.

""",
    "bottom": """
--- What I can do for you

Send an empty message to one of these addresses:

To join the list:                  <#l#>-subscribe@<#h#>
To leave it:                       <#l#>-unsubscribe@<#h#>
To read this again:                <#l#>-help@<#h#>
To get message 123 of the archive: <#l#>-get.123@<#h#>
Messages 123 to 130 (subscribers): <#l#>-get.123_130@<#h#>
What belongs to 123 (subscribers): <#l#>-thread.123@<#h#>
To see which messages there are:   <#l#>-index@<#h#>

If the list makes digests, which are many messages in one:

To get them:                       <#l#>-digest-subscribe@<#h#>
To get them no more:               <#l#>-digest-unsubscribe@<#h#>

To join or leave with another address than the one you write from, such as
mary@host.example, put it behind the word, with = in the place of the @:

    <#l#>-subscribe-mary=host.example@<#h#>

A person reads what is sent to <#l#>-owner@<#h#>.

--- Below this line is a copy of the message that I received.

""",
    "sub-confirm": """Somebody, I hope you, asked me to put this address on the list:

!A

To confirm that this is what you want, answer this message, or write to:

!R

If you do nothing, nothing will happen.
""",
    "sub-moderated": """
When you have confirmed it, a moderator decides whether you join.
""",
    "unsub-confirm": """Somebody, I hope you, asked me to take this address off the list:

!A

To confirm that this is what you want, answer this message, or write to:

!R

If you do nothing, nothing will happen.
""",
    "sub-ok": """Welcome! This address is on the list now:

!A

Please keep this message: it says how to leave the list again.
""",
    "unsub-ok": """This address is not on the list any more:

!A

Goodbye.
""",
    "sub-nop": """This address was on the list already:

!A
""",
    "unsub-nop": """This address is not on the list:

!A

If you get messages of the list nevertheless, they come to you by another
address. The Return-Path line of such a message shows which one: it has
=  in the place of the @.
""",
    "sub-bad": """The number in your confirmation is not right, or too old.

To confirm that this address is to be put on the list:

!A

answer this message, or write to:

!R
""",
    "unsub-bad": """The number in your confirmation is not right, or too old.

To confirm that this address is to be taken off the list:

!A

answer this message, or write to:

!R
""",
    "get-bad": """There is no such message in the archive.
""",
    "help": """You asked for help, or for something that I do not understand.
""",
    "bounce-warn": """Messages of the list to you have come back to me. Here is the first of them
that did.

If this message comes back too, I shall send you another one. If that one
comes back as well, I shall take your address off the list.
""",
    "bounce-probe": """Messages of the list to you have come back to me, and so did the message that
told you so.

This is a probe. If it comes back too, I shall take your address off the
list. If you read this, there is nothing that you have to do.
""",
    "bounce-num": """
These messages of the list came back. If they are in the archive, an empty
message to <#l#>-get.NUMBER@<#h#> gets one of them.

""",
    "dig-bounce-num": """
These digests came back. Each number is that of the first message in one. If the
messages are in the archive, an empty message to
<#l#>-get.123_145@<#h#> gets messages 123 to 145.

""",
    "digest": """To get digests of this list:  <#l#>-digest-subscribe@<#h#>
To get them no more:          <#l#>-digest-unsubscribe@<#h#>
To write to the list:         <#l#>@<#h#>
""",
    "bounce-bottom": """
--- Below this line is what came back to me.

""",
    "mod-request": """A message to the list <#l#>@<#h#> waits for a moderator.

To accept it, so that everybody gets it, answer this message, or write to:

!A

To refuse it write to:

!R

If there is something that its author should know, put it between two lines
that begin with three percent signs, in the body of your message:

%%%
like this
%%%

If nobody decides the message is removed after a few days.
""",
    "post-confirm": """You, I hope, have sent this message to the list <#l#>@<#h#>.

To send it to everybody on the list, answer this message, or write to:

!A

If you did not write it, do nothing, and it will not be sent. It begins like this:

""",
    "mod-reject": """Your message to the list <#l#>@<#h#> has been refused by a moderator. If they
have said why, it stands below. Your message is attached.
""",
    "mod-timeout": """Your message to the list <#l#>@<#h#> has not been sent: no moderator has
decided about it in time. It is attached; you may want to write to
<#l#>-owner@<#h#>.
""",
    "info": """Nobody has written yet what this list is about.
""",
    "faq": """Nobody has written answers to frequent questions yet.
""",
    "mod-sub": """
--- A moderator of the list <#l#>@<#h#> has asked for this or agreed to it.

If you do not want it, write to <#l#>-owner@<#h#>.
""",
    "mod-sub-confirm": """This address is to be put on the list <#l#>@<#h#>:

!A

Whose address it is has asked for that, or you have. If you agree, answer this
message, or write to:

!R

If you do nothing, nothing will happen.
""",
    "mod-unsub-confirm": """This address is to be taken off the list <#l#>@<#h#>:

!A

Whose address it is has asked for that, or you have. If you agree, answer this
message, or write to:

!R

If you do nothing, nothing will happen.
""",
    "mod-help": """You are a moderator of the list <#l#>@<#h#>. This is what you can do besides
what everybody can do, as far as the list is set up for it.

To put mary@host.example on the list, or take her off it, send an empty message:

    <#l#>-subscribe-mary=host.example@<#h#>
    <#l#>-unsubscribe-mary=host.example@<#h#>

I ask you, not Mary, to confirm it, so write from the address that I know you
by. Mary hears of it afterwards, but not who you are.

Whether she is on the list:  <#l#>-query-mary=host.example@<#h#>
Everybody who is on it:      <#l#>-list@<#h#>
How many they are:           <#l#>-listn@<#h#>
Who came and went:           <#l#>-log@<#h#>
The same of one address:     <#l#>-log.mary@<#h#>
The texts that I send:       <#l#>-edit@<#h#>

The lists beside the list have the same commands. Who is on allow may write
without being a subscriber, who is on deny may not write at all:

    <#l#>-allow-subscribe-mary=host.example@<#h#>
    <#l#>-deny-subscribe-mary=host.example@<#h#>
    <#l#>-deny-list@<#h#>

If subscriptions are moderated you get a message that begins with CONFIRM when
somebody wants to join. Answer it if you agree; otherwise do nothing. If messages
are moderated, those that begin with MODERATE say how to decide.

""",
    "edit-do": """Change the text below, between the two lines that begin with three percent
signs, and send all of it back: answer this message, or write to

!R

Leave these two lines as they are. If your mail program puts a sign before every
line that it quotes I take it off again. A line that begins with ! and R or A is
replaced by an address when the text is sent.

The address above is good for a day, and for this change only.

""",
    "edit-done": """The text has been changed.
""",
    "edit-list": """These are the texts that you can change. To get one send an empty message to
<#l#>-edit.NAME@<#h#> with the name that stands here.

top                the beginning of every answer
bottom             the end of every answer
help               in answer to help, and to what I do not understand
info               what the list is about
faq                frequent questions
sub_confirm        asks somebody to confirm that they join
sub_moderated      below sub_confirm, if moderators decide
sub_ok             somebody has joined
sub_nop            somebody was on the list already
sub_bad            a confirmation was not right
unsub_confirm      asks somebody to confirm that they leave
unsub_ok           somebody has left
unsub_nop          somebody was not on the list
unsub_bad          a confirmation was not right
get_bad            a message is not in the archive
digest             what a digest says of itself
bounce_warn        somebody's mail has come back
bounce_probe       the warning has come back as well
bounce_num         above the numbers of the messages that came back
dig_bounce_num     the same for digests
bounce_bottom      above what came back
mod_help           help for moderators
mod_sub            below what somebody gets when a moderator has agreed
mod_sub_confirm    asks moderators whether somebody may join
mod_unsub_confirm  asks moderators whether somebody is to leave
mod_request        asks moderators about a message
post_confirm       asks authors whether a message is theirs
mod_reject         a message was refused
mod_timeout        nobody has decided about a message
edit_do            above a text that is to be changed
edit_done          a text has been changed
edit_list          this list

""",
}
"""By the name of the file in a list's directory text."""

PHRASES: dict[str, str] = {
    "SUB_RESPONSE": "ezmlm response",
    "SUB_USR_SUBSCRIBE": "confirm subscribe to <#l#>@<#h#>",
    "SUB_USR_UNSUBSCRIBE": "confirm unsubscribe from <#l#>@<#h#>",
    "SUB_MOD_SUBSCRIBE": "CONFIRM subscribe to <#l#>@<#h#>",
    "SUB_MOD_UNSUBSCRIBE": "CONFIRM unsubscribe from <#l#>@<#h#>",
    "SUB_WELCOME": "WELCOME to <#l#>@<#h#>",
    "SUB_GOODBYE": "GOODBYE from <#l#>@<#h#>",
    "SUB_CONFIRM_POST": "Confirm your message to <#l#>@<#h#>",
    "SUB_MODERATE": "MODERATE for <#l#>@<#h#>",
    "SUB_RETURNED_POST": "Returned post for <#l#>@<#h#>",
    "SUB_WARNING": "ezmlm warning",
    "SUB_PROBE": "ezmlm probe",
    "SUB_LIST": "Subscribers of <#l#>@<#h#>",
    "SUB_LOG": "Who came to and went from <#l#>@<#h#>",
    "SUB_EDIT_LIST": "Texts of <#l#>@<#h#>",
    "SUB_EDIT_REQUEST": "EDIT <#1#> of <#l#>@<#h#>",
    "SUB_EDIT_SUCCESS": "Changed <#1#> of <#l#>@<#h#>",
    "SUB_DIGEST_ISSUE": "<#l#> Digest <#1#> Issue <#2#>",
    "SUB_DIGEST_OF": "<#l#> Digest of: <#1#>",
    "TXT_TOP_TOPICS": "Topics (messages <#1#> through <#2#>)",
    "TXT_ADMINISTRIVIA": "Administrivia:",
    "TXT_BY": "by: <#1#>",
    "TXT_NO_SUBJECT": "(no subject)",
    "TXT_TRAILER": "-- \nTo leave the list: <#l#>-unsubscribe@<#h#>\nFor help: <#l#>-help@<#h#>",
}
"""What is said in subjects and below messages: by the name that ezmlm-idx has for it in text/messages."""
