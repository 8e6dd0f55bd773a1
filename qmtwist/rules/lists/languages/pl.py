"""The texts of a list in Polish."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "top": """Dzień dobry. Jestem programem, który obsługuje listę dyskusyjną
<#l#>@<#h#>.

""",
    "bottom": """
--- Co mogę zrobić

Wyślij pustą wiadomość na jeden z tych adresów:

Zapisanie się na listę:            <#l#>-subscribe@<#h#>
Wypisanie się z listy:             <#l#>-unsubscribe@<#h#>
Ponowne przesłanie tej pomocy:     <#l#>-help@<#h#>
Wiadomość 123 z archiwum:          <#l#>-get.123@<#h#>
Wiadomości od 123 do 130 (dla
subskrybentów):                    <#l#>-get.123_130@<#h#>
Wątek wiadomości 123 (dla
subskrybentów):                    <#l#>-thread.123@<#h#>
Spis wiadomości w archiwum:        <#l#>-index@<#h#>

Jeśli lista wydaje zbiory, które zawierają wiele wiadomości w jednej:

Otrzymywanie zbiorów:              <#l#>-digest-subscribe@<#h#>
Rezygnacja z nich:                 <#l#>-digest-unsubscribe@<#h#>

Jeśli chodzi o inny adres niż ten, z którego piszesz, na przykład
mary@host.example, dopisz go za słowem, ze znakiem = zamiast @:

    <#l#>-subscribe-mary=host.example@<#h#>

Wiadomości na adres <#l#>-owner@<#h#> czyta człowiek.

--- Poniżej kopia wiadomości, którą otrzymałem.

""",
    "sub-confirm": """Ktoś, mam nadzieję, że Ty, poprosił mnie o zapisanie tego adresu na listę:

!A

Jeśli tego chcesz, odpowiedz na tę wiadomość albo napisz na adres:

!R

Jeśli nic nie zrobisz, nic się nie stanie.
""",
    "sub-moderated": """
Po potwierdzeniu o zapisaniu zdecyduje moderator.
""",
    "unsub-confirm": """Ktoś, mam nadzieję, że Ty, poprosił mnie o wypisanie tego adresu z listy:

!A

Jeśli tego chcesz, odpowiedz na tę wiadomość albo napisz na adres:

!R

Jeśli nic nie zrobisz, nic się nie stanie.
""",
    "sub-ok": """Witamy! Ten adres jest teraz zapisany na listę:

!A

Zachowaj tę wiadomość: jest w niej napisane, jak się wypisać.
""",
    "unsub-ok": """Ten adres nie jest już zapisany na listę:

!A

Do widzenia!
""",
    "sub-nop": """Ten adres był już zapisany na listę:

!A
""",
    "unsub-nop": """Ten adres nie jest zapisany na listę:

!A

Jeśli mimo to otrzymujesz wiadomości z listy, przychodzą one na inny Twój adres.
Pokazuje go wiersz Return-Path takiej wiadomości, ze znakiem = zamiast @.
""",
    "sub-bad": """Numer w Twoim potwierdzeniu jest nieprawidłowy albo zbyt stary.

Aby zapisać ten adres na listę:

!A

odpowiedz na tę wiadomość albo napisz na adres:

!R
""",
    "unsub-bad": """Numer w Twoim potwierdzeniu jest nieprawidłowy albo zbyt stary.

Aby wypisać ten adres z listy:

!A

odpowiedz na tę wiadomość albo napisz na adres:

!R
""",
    "get-bad": """Tej wiadomości nie ma w archiwum.
""",
    "help": """To odpowiedź na prośbę o pomoc albo o coś, czego nie rozumiem.
""",
    "bounce-warn": """Wiadomości z listy wysłane do Ciebie wróciły do mnie. Poniżej znajduje się
pierwsza z nich.

Jeśli ta wiadomość też wróci, wyślę jeszcze jedną. Jeśli wróci i tamta, wypiszę
Twój adres z listy.
""",
    "bounce-probe": """Wiadomości z listy wysłane do Ciebie wróciły do mnie, a wraz z nimi wiadomość,
która o tym informowała.

To ostatnia próba. Jeśli ta wiadomość też wróci, wypiszę Twój adres z listy. Jeśli
ją czytasz, nie musisz nic robić.
""",
    "bounce-num": """
Te wiadomości z listy wróciły. Jeśli są w archiwum, każdą z nich można otrzymać,
wysyłając pustą wiadomość na adres <#l#>-get.NUMER@<#h#>.

""",
    "dig-bounce-num": """
Te zbiory wróciły. Każdy numer jest numerem pierwszej wiadomości w zbiorze. Jeśli
wiadomości są w archiwum, te od 123 do 145 można otrzymać, wysyłając pustą
wiadomość na adres <#l#>-get.123_145@<#h#>.

""",
    "digest": """Otrzymywanie zbiorów:        <#l#>-digest-subscribe@<#h#>
Rezygnacja z nich:           <#l#>-digest-unsubscribe@<#h#>
Pisanie na listę:            <#l#>@<#h#>
""",
    "bounce-bottom": """
--- Poniżej to, co do mnie wróciło.

""",
    "mod-request": """Wiadomość na listę <#l#>@<#h#> czeka na decyzję moderatora.

Aby ją przyjąć i rozesłać do wszystkich, odpowiedz na tę wiadomość albo napisz na
adres:

!A

Aby ją odrzucić, napisz na adres:

!R

Jeśli chcesz coś przekazać autorowi, napisz to w swojej wiadomości między dwoma
wierszami, które zaczynają się od trzech znaków procentu:

%%%
tak jak tutaj
%%%

Jeśli nikt nie podejmie decyzji, wiadomość zostanie usunięta po kilku dniach.
""",
    "post-confirm": """Ta wiadomość została wysłana na listę <#l#>@<#h#> z Twojego adresu.

Aby otrzymali ją wszyscy subskrybenci, odpowiedz na tę wiadomość albo napisz na
adres:

!A

Jeśli nie pochodzi od Ciebie, nic nie rób, a nie zostanie rozesłana. Zaczyna się
tak:

""",
    "mod-reject": """Twoja wiadomość na listę <#l#>@<#h#> została odrzucona przez moderatora. Jeśli
podano powód, znajduje się on poniżej. Twoja wiadomość jest w załączniku.
""",
    "mod-timeout": """Twoja wiadomość na listę <#l#>@<#h#> nie została rozesłana: żaden moderator nie
podjął decyzji na czas. Wiadomość jest w załączniku; możesz napisać na adres
<#l#>-owner@<#h#>.
""",
    "info": """Nikt jeszcze nie opisał, czego dotyczy ta lista.
""",
    "faq": """Nikt jeszcze nie napisał odpowiedzi na częste pytania.
""",
    "mod-sub": """
--- Moderator listy <#l#>@<#h#> o to poprosił albo wyraził na to zgodę.

Jeśli tego nie chcesz, napisz na adres <#l#>-owner@<#h#>.
""",
    "mod-sub-confirm": """Ten adres ma zostać zapisany na listę <#l#>@<#h#>:

!A

Poprosiła o to osoba, do której należy adres, albo Ty. Jeśli się zgadzasz,
odpowiedz na tę wiadomość albo napisz na adres:

!R

Jeśli nic nie zrobisz, nic się nie stanie.
""",
    "mod-unsub-confirm": """Ten adres ma zostać wypisany z listy <#l#>@<#h#>:

!A

Poprosiła o to osoba, do której należy adres, albo Ty. Jeśli się zgadzasz,
odpowiedz na tę wiadomość albo napisz na adres:

!R

Jeśli nic nie zrobisz, nic się nie stanie.
""",
    "mod-help": """Twój adres jest adresem moderatora listy <#l#>@<#h#>. Oprócz tego, co mogą
wszyscy, moderator może zrobić, co następuje, jeśli lista jest tak ustawiona.

Aby zapisać lub wypisać mary@host.example, wyślij pustą wiadomość:

    <#l#>-subscribe-mary=host.example@<#h#>
    <#l#>-unsubscribe-mary=host.example@<#h#>

O potwierdzenie poproszę Ciebie, a nie Mary, więc pisz z adresu, który znam. Mary
dowie się o tym później, ale nie dowie się, kim jesteś.

Czy Mary jest na liście:     <#l#>-query-mary=host.example@<#h#>
Wszyscy subskrybenci:        <#l#>-list@<#h#>
Ilu ich jest:                <#l#>-listn@<#h#>
Kto się zapisał i wypisał:   <#l#>-log@<#h#>
To samo dla jednego adresu:  <#l#>-log.mary@<#h#>
Teksty, które wysyłam:       <#l#>-edit@<#h#>

Listy pomocnicze mają te same polecenia. Kto jest na allow, może pisać bez
zapisywania się; kto jest na deny, nie może pisać wcale:

    <#l#>-allow-subscribe-mary=host.example@<#h#>
    <#l#>-deny-subscribe-mary=host.example@<#h#>
    <#l#>-deny-list@<#h#>

Jeśli zapisy są moderowane, to gdy ktoś chce się zapisać, przychodzi wiadomość,
której temat zaczyna się od „ZGODA”. Odpowiedz na nią, jeśli się zgadzasz; jeśli
nie, nic nie rób. Jeśli moderowane są wiadomości, te, których temat zaczyna się od
„MODERACJA”, wyjaśniają, jak podjąć decyzję.

""",
    "edit-do": """Zmień poniższy tekst między dwoma wierszami, które zaczynają się od trzech znaków
procentu, i odeślij całość: odpowiedz na tę wiadomość albo napisz na adres

!R

Tych dwóch wierszy nie zmieniaj. Jeśli Twój program pocztowy dodaje znak przed
każdym cytowanym wierszem, usunę go. Wiersz, który zaczyna się od ! i R lub A,
zostaje przy wysyłaniu zastąpiony adresem.

Powyższy adres jest ważny przez jeden dzień i tylko dla tej zmiany.

""",
    "edit-done": """Tekst został zmieniony.
""",
    "edit-list": """Oto teksty, które możesz zmienić. Aby otrzymać jeden z nich, wyślij pustą
wiadomość na adres <#l#>-edit.NAZWA@<#h#> z nazwą podaną tutaj.

top                początek każdej odpowiedzi
bottom             koniec każdej odpowiedzi
help               odpowiedź na help i na to, czego nie rozumiem
info               czego dotyczy lista
faq                częste pytania
sub_confirm        prośba o potwierdzenie zapisu
sub_moderated      pod sub_confirm, jeśli decydują moderatorzy
sub_ok             ktoś się zapisał
sub_nop            ktoś był już zapisany
sub_bad            potwierdzenie było nieprawidłowe
unsub_confirm      prośba o potwierdzenie wypisania
unsub_ok           ktoś się wypisał
unsub_nop          ktoś nie był zapisany
unsub_bad          potwierdzenie było nieprawidłowe
get_bad            wiadomości nie ma w archiwum
digest             co zbiór mówi o sobie
bounce_warn        wiadomości do kogoś wróciły
bounce_probe       ostrzeżenie też wróciło
bounce_num         nad numerami wiadomości, które wróciły
dig_bounce_num     to samo dla zbiorów
bounce_bottom      nad tym, co wróciło
mod_help           pomoc dla moderatorów
mod_sub            na końcu tego, co przychodzi po zgodzie moderatora
mod_sub_confirm    pytanie do moderatorów, czy ktoś może się zapisać
mod_unsub_confirm  pytanie do moderatorów, czy kogoś wypisać
mod_request        pytanie do moderatorów o wiadomość
post_confirm       pyta autorów, czy wiadomość pochodzi od nich
mod_reject         wiadomość została odrzucona
mod_timeout        nikt nie podjął decyzji w sprawie wiadomości
edit_do            nad tekstem, który ma być zmieniony
edit_done          tekst został zmieniony
edit_list          ten spis

""",
}

PHRASES: dict[str, str] = {
    "SUB_RESPONSE": "Odpowiedź listy <#l#>@<#h#>",
    "SUB_USR_SUBSCRIBE": "Potwierdź zapisanie się na <#l#>@<#h#>",
    "SUB_USR_UNSUBSCRIBE": "Potwierdź wypisanie się z <#l#>@<#h#>",
    "SUB_MOD_SUBSCRIBE": "ZGODA na zapisanie na <#l#>@<#h#>",
    "SUB_MOD_UNSUBSCRIBE": "ZGODA na wypisanie z <#l#>@<#h#>",
    "SUB_WELCOME": "Witamy na liście <#l#>@<#h#>",
    "SUB_GOODBYE": "Twój adres został wypisany z <#l#>@<#h#>",
    "SUB_CONFIRM_POST": "Potwierdź wiadomość na <#l#>@<#h#>",
    "SUB_MODERATE": "MODERACJA wiadomości na <#l#>@<#h#>",
    "SUB_RETURNED_POST": "Twoja wiadomość na <#l#>@<#h#> nie została rozesłana",
    "SUB_WARNING": "Ostrzeżenie z listy <#l#>@<#h#>",
    "SUB_PROBE": "Ostatnia próba listy <#l#>@<#h#>",
    "SUB_LIST": "Subskrybenci <#l#>@<#h#>",
    "SUB_LOG": "Zapisani i wypisani z <#l#>@<#h#>",
    "SUB_EDIT_LIST": "Teksty listy <#l#>@<#h#>",
    "SUB_EDIT_REQUEST": "Zmiana tekstu <#1#> listy <#l#>@<#h#>",
    "SUB_EDIT_SUCCESS": "Tekst <#1#> listy <#l#>@<#h#> został zmieniony",
    "SUB_DIGEST_ISSUE": "<#l#> Zbiór <#1#> numer <#2#>",
    "SUB_DIGEST_OF": "<#l#> Zbiór: <#1#>",
    "TXT_TOP_TOPICS": "Tematy (wiadomości od <#1#> do <#2#>)",
    "TXT_ADMINISTRIVIA": "Informacje:",
    "TXT_BY": "od: <#1#>",
    "TXT_NO_SUBJECT": "(bez tematu)",
    "TXT_TRAILER": "-- \nRezygnacja z listy: <#l#>-unsubscribe@<#h#>\nPomoc: <#l#>-help@<#h#>",
}
