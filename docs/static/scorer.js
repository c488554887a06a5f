// Sphinx's own weights, but whoever searches for "django" wants to get it done: guides come first.
const FIRST = 100;
var Scorer = {
  score: ([docname, title, anchor, descr, score]) =>
    score + (docname.startsWith("guides/") || docname === "tutorial" ? FIRST : 0),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
