"""How the pages look, and the script that searches. Both are files of their own: the pages allow nothing inline."""

from __future__ import annotations

HUES = 8
"""How many colours there are for people."""

STYLE = """\
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5d6b7a; --paper: #f4f6f8; --card: #fff; --rule: #dfe4ea;
  --link: #1f66a8; --heat: 47, 120, 183; --quote: #7a5a1e; --quote2: #2f6b4f; --quote3: #6a4a86; --quote4: #8a4040; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaef; --soft: #9aa7b5; --paper: #14191f; --card: #1d242c;
  --rule: #323c47; --link: #7bb6ea; --heat: 90, 162, 221; --quote: #d8b26a; --quote2: #86c8a4; --quote3: #c3a2de;
  --quote4: #e2a0a0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
.skip { position: absolute; left: -999px; } .skip:focus { left: 8px; top: 8px; background: var(--card); padding: 6px; }
.top { background: var(--card); border-bottom: 1px solid var(--rule); }
.top div { max-width: 1000px; margin: 0 auto; padding: 10px 20px; display: flex; flex-wrap: wrap; gap: 6px 20px;
  align-items: center; }
.brand { font-weight: 650; color: var(--ink); overflow-wrap: anywhere; }
.top nav { display: flex; gap: 16px; flex: 1; font-size: 15px; }
form { display: flex; gap: 6px; } .big { margin: 0 0 16px; }
input, button { font: inherit; font-size: 15px; border: 1px solid var(--rule); border-radius: 8px; padding: 5px 11px;
  background: var(--paper); color: var(--ink); min-width: 0; }
input { width: 190px; } .big input { flex: 1; font-size: 17px; padding: 9px 14px; } button { cursor: pointer; }
main { max-width: 1000px; margin: 0 auto; padding: 26px 20px 40px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
article h1 { margin: 0 0 12px; }
h2 { font-size: 17px; margin: 0; }
.lead, .note, footer, .meta, .crumbs { color: var(--soft); } .lead { margin: 0 0 20px; } .crumbs { font-size: 14px;
  margin: 0 0 10px; } .note { font-size: 14px; } footer { max-width: 1000px; margin: 0 auto; padding: 0 20px 40px;
  font-size: 13px; }
section, article { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 16px 20px;
  margin: 0 0 18px; } section > h2 { margin-bottom: 10px; } section.empty { display: none; }
.cols { display: grid; grid-template-columns: minmax(0, 1.7fr) minmax(0, 1fr); gap: 0 18px; align-items: start; }
@media (max-width: 760px) { .cols { display: block; } }
ul { list-style: none; margin: 0; padding: 0; } .rows > li { border-top: 1px solid var(--rule); padding: 7px 0;
  display: flex; gap: 12px; align-items: baseline; } .rows > li:first-child { border-top: 0; padding-top: 0; }
.rows .what { flex: 1; min-width: 0; overflow-wrap: anywhere; } .rows .meta { font-size: 13.5px; white-space: nowrap; }
.rows small { display: block; color: var(--soft); font-size: 13.5px; }
.count { background: var(--paper); border-radius: 9px; padding: 0 8px; font-size: 13px; color: var(--soft); }
.day { font-size: 14px; color: var(--soft); margin: 14px 0 2px; font-weight: 600; } .day:first-child { margin-top: 0; }
.tree ul ul { margin-left: 9px; padding-left: 13px; border-left: 2px solid var(--rule); }
.tree li { padding: 4px 0; overflow-wrap: anywhere; } .tree small { display: block; color: var(--soft); font-size: 14px;
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } .tree b { font-weight: 650; }
.months { border-collapse: collapse; width: 100%; table-layout: fixed; font-size: 13px; text-align: center; }
.months th { color: var(--soft); font-weight: 600; padding: 2px 0; width: 44px; text-align: left; }
.months td { padding: 1.5px; }
.months a, .months i { display: block; border-radius: 5px; padding: 3px 0; font-style: normal; color: var(--ink); }
.months i { color: var(--rule); }
.h1 { background: rgba(var(--heat), .12); } .h2 { background: rgba(var(--heat), .24); }
.h3 { background: rgba(var(--heat), .38); } .h4 { background: rgba(var(--heat), .55); }
.who { display: flex; gap: 12px; align-items: center; margin: 0 0 14px; padding-bottom: 12px;
  border-bottom: 1px solid var(--rule); } .who > div { min-width: 0; overflow-wrap: anywhere; }
.who span { display: block; font-size: 14px; } .badge { flex: none; width: 40px; height: 40px; border-radius: 50%;
  display: grid; place-items: center; color: #fff; font-weight: 650; font-size: 18px; }
.c0 { background: #2f78b7; } .c1 { background: #b3542f; } .c2 { background: #3b8457; } .c3 { background: #8a4fa3; }
.c4 { background: #a8762a; } .c5 { background: #4a5fb0; } .c6 { background: #b0466a; } .c7 { background: #2c8585; }
.fixed { font: 14px/1.5 ui-monospace, monospace; overflow-x: auto; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 0 14px; } blockquote { color: var(--quote);
  border-left: 3px solid var(--rule); padding-left: 12px; } .q2 { color: var(--quote2); } .q3 { color: var(--quote3); }
.q4 { color: var(--quote4); } .signature { color: var(--soft); font-size: 14.5px; border-top: 1px dashed var(--rule);
  padding-top: 8px; } summary { color: var(--soft); cursor: pointer; font-size: 14px; margin: 0 0 10px; }
.files { display: flex; flex-wrap: wrap; gap: 12px; } .files li { border: 1px solid var(--rule); border-radius: 8px;
  padding: 8px; max-width: 240px; font-size: 13.5px; overflow-wrap: anywhere; }
.files img { display: block; max-width: 100%; max-height: 180px; border-radius: 5px; margin-bottom: 6px; }
.steps { display: flex; flex-wrap: wrap; gap: 4px 18px; justify-content: space-between; font-size: 15px;
  margin: 0 0 18px; }
.steps span { color: var(--soft); } .ways { display: flex; flex-wrap: wrap; gap: 8px; margin: 14px 0 0; }
.ways a { border: 1px solid var(--rule); border-radius: 8px; padding: 4px 12px; font-size: 14.5px; }
.letters { display: flex; flex-wrap: wrap; gap: 6px 10px; margin: 0 0 16px; }
@media print { .top, .steps, .ways, footer { display: none; } article { border: 0; } }
"""

SCRIPT = r"""// Looks up words in the files beside it, and shows the letters that have all of them.
"use strict";
(function () {
  var PAGE = 20, DIGITS = 36, IDEOGRAPHS = 0x2e80, LONGEST = 24;
  var shards = {}, rows = {}, fresh = null, base = 0, waiting = {}, searches = 0;
  var result = document.getElementById("result"), line = document.getElementById("line");

  window.archive = {
    words: function (name, table) { shards[name] = table; },
    recent: function (number, table) { base = number; fresh = table; },
    letters: function (hundred, found) { found.forEach(function (row) { rows[row[0]] = row; }); }
  };

  function load(name) {
    waiting[name] = waiting[name] || new Promise(function (done) {
      var script = document.createElement("script");
      script.src = "search/" + name + ".js";
      script.onload = script.onerror = done;
      document.head.appendChild(script);
    });
    return waiting[name];
  }

  function words(text) {
    var found = [];
    var bare = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    (bare.match(/[\p{L}\p{N}]+/gu) || []).forEach(function (word) {
      var letters = Array.from(word), at;
      if (letters.some(function (one) { return one.codePointAt(0) >= IDEOGRAPHS; })) {
        for (at = 0; at < Math.max(letters.length - 1, 1); at++) found.push(letters.slice(at, at + 2).join(""));
      } else if (letters.length > 1) {
        found.push(letters.slice(0, LONGEST).join(""));
      }
    });
    return found;
  }

  function shard(word) {
    var letters = Array.from(word), code = letters[0].codePointAt(0);
    if (code >= IDEOGRAPHS) return "x" + (code >> 6).toString(16);
    return code.toString(16) + "-" + letters[1].codePointAt(0).toString(16);
  }

  function numbers(word) {  // of the letters that have a word which begins so
    var found = new Set(), table = shards[shard(word)] || {};
    Object.keys(table).forEach(function (one) {
      var number = 0;
      if (one.startsWith(word)) table[one].split(" ").forEach(function (step) {
        number += parseInt(step, DIGITS);
        found.add(number);
      });
    });
    Object.keys(fresh || {}).forEach(function (number) {
      if ((" " + fresh[number]).includes(" " + word)) found.add(Number(number));
    });
    return found;
  }

  function part(kind, text, name) {
    var made = document.createElement(kind);
    made.textContent = text;
    if (name) made.className = name;
    return made;
  }

  function show(found, from) {
    var some = found.slice(from, from + PAGE), files = {};
    some.forEach(function (number) { files["m" + Math.floor(number / 100)] = true; });
    return Promise.all(Object.keys(files).map(load)).then(function () {
      some.forEach(function (number) {
        var row = rows[number] || [number, "letter " + number, "", ""], item = document.createElement("li");
        var what = part("div", "", "what"), link = part("a", row[1]);
        link.href = "msg/" + Number(number) + ".html";
        what.append(link, part("small", row[2]));
        item.append(what, part("span", row[3], "meta"));
        result.append(item);
      });
      if (from + PAGE < found.length) {
        var more = part("button", "more");
        more.addEventListener("click", function () { more.remove(); show(found, from + PAGE); });
        result.append(more);
      }
    });
  }

  function search(text) {
    var asked = words(text), files = ["recent"].concat(asked.map(shard)), turn = ++searches;
    result.textContent = "";
    result.parentNode.classList.toggle("empty", true);
    line.textContent = asked.length ? "Looking..." : text.trim() ? "Words have two letters or more." : "";
    if (!asked.length) return;
    Promise.all(files.map(load)).then(function () {
      if (turn !== searches) return;
      var all = asked.map(numbers).reduce(function (some, more) {
        return new Set(Array.from(some).filter(function (one) { return more.has(one); }));
      });
      var found = Array.from(all).sort(function (one, other) { return other - one; });
      line.textContent = found.length === 1 ? "1 letter" : found.length + " letters, the latest first";
      result.parentNode.classList.toggle("empty", !found.length);
      show(found, 0);
    });
  }

  var field = document.querySelector("main input[name=q]");
  field.value = new URLSearchParams(location.search).get("q") || "";
  document.querySelector("main form").addEventListener("submit", function (event) {
    event.preventDefault();
    history.replaceState(null, "", "?q=" + encodeURIComponent(field.value));
    search(field.value);
  });
  search(field.value);
  field.focus();
})();
"""
