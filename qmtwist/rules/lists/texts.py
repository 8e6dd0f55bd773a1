"""The texts of a new list. `<#l#>@<#h#>` is its address, `!R` where to confirm, `!A` the address that it is about."""

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
    "mod-reject": """Your message to the list <#l#>@<#h#> has been refused by a moderator. If they
have said why, it stands below. Your message is attached.
""",
    "mod-timeout": """Your message to the list <#l#>@<#h#> has not been sent: no moderator has
decided about it in time. It is attached; you may want to write to
<#l#>-owner@<#h#>.
""",
}
