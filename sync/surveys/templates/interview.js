// Adaptive interview: which question comes next, when to stop, and which segments are possible.
// The same rule as segmenter/typing_tool/interview.py; nothing leaves the page.
//
// tool = { segments: [name], shares: [chance], least: [chance], enough, tie, gain, rounded,
//          questions: [{ item, chances: { answer: [chance in each segment] } }] }
// given = [{ place, answer }] in the order in which they were asked; answer "" was left out.
function interview(tool, given) {
  var segments = tool.shares.map(function (share, place) { return place; });
  var scores = tool.shares.map(Math.log), asked = {};
  var likely = normalised(scores), sure = false;
  given.forEach(function (one) {
    var row = tool.questions[one.place].chances[one.answer];
    asked[one.place] = true;
    if (row) { scores = scores.map(function (score, place) { return score + Math.log(row[place]); }); }
    likely = normalised(scores);
    sure = Math.max.apply(null, likely) >= tool.enough - tool.tie;
  });
  var following = given.length && sure ? null : next();
  return { likely: likely, following: following, possible: following === null ? possible() : [] };

  function normalised(totals) {
    var top = Math.max.apply(null, totals);
    var grown = totals.map(function (total) { return Math.exp(total - top); });
    var whole = grown.reduce(function (sum, part) { return sum + part; }, 0);
    return grown.map(function (part) { return part / whole; });
  }

  // Mutual information of a question's answer and the segment, in nats.
  function promised(question) {
    var gain = 0;
    Object.keys(question.chances).forEach(function (answer) {
      var row = question.chances[answer], mixed = 0;
      segments.forEach(function (place) { mixed += likely[place] * row[place]; });
      gain -= mixed * Math.log(mixed);
      segments.forEach(function (place) { gain += likely[place] * row[place] * Math.log(row[place]); });
    });
    return gain;
  }

  function next() {
    var open = tool.questions.map(function (question, place) { return place; })
      .filter(function (place) { return !asked[place]; });
    if (!open.length) { return null; }
    var gains = open.map(function (place) { return promised(tool.questions[place]); });
    var best = Math.max.apply(null, gains);
    if (given.length && best < tool.gain) { return null; }
    return open[gains.findIndex(function (gain) { return gain >= best - tool.tie; })];
  }

  // Of names that are told once, the likeliest first.
  function possible() {
    var likeliest = likely.indexOf(Math.max.apply(null, likely));
    return segments
      .filter(function (place) { return place === likeliest || likely[place] >= tool.least[place] - tool.rounded; })
      .sort(function (a, b) { return likely[b] - likely[a] || a - b; })
      .map(function (place) { return tool.segments[place]; })
      .filter(function (name, place, names) { return names.indexOf(name) === place; });
  }
}
