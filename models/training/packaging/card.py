"""The model card: what a packaged model is for, how good it is, where it fails and what it was made from.

After Mitchell et al., 2019, https://arxiv.org/abs/1810.03993. It is written from the manifest alone.
"""

from __future__ import annotations

from typing import Any

from models.sentiment.staged import BRIEF

CARD = "MODEL_CARD.md"

_WHAT = {
    "bag": "Hashed bags of words, word pairs and character runs, read by small networks whose scores are averaged.",
    "encoder": "{depth} layers of the pretrained encoder multilingual-e5-small (MIT), fine-tuned on the data below.",
    "universal": "The multilingual Universal Sentence Encoder, its tokens read with their neighbours, fine-tuned.",
    "stack": "Two fine-tuned networks read every text, a Transformer and one of n-grams, and a stacker joins them.",
    "cnn": "A convolutional network over word pieces.",
    "rules": "A lexicon with rules for negation, degree and contrast, in the manner of VADER.",
    "tfidf": "Logistic regression over TF-IDF weighted words, pairs and character runs.",
    "naive_bayes": "Naive Bayes over words, pairs and character runs.",
}
_NETWORK = "A recurrent or attention network over word pieces, trained from nothing on the data below."


def card(manifest: dict[str, Any]) -> str:
    """Markdown of the model card."""
    metrics, config = manifest["metrics"], manifest["config"]
    calibration = manifest["calibration"]
    return _CARD.format(
        name=manifest["name"],
        version=manifest["version"],
        what=_WHAT.get(config["family"], _NETWORK).format(depth=config["network"].get("depth", "Twelve")),
        reads=_reads(manifest["serving"]),
        unsure_below=manifest["unsure_below"],
        held_out=metrics["held_out_rows"],
        groups="\n".join(_group(one) for one in metrics["groups"]),
        mean=_interval(metrics["mean"]),
        learnt=_learnt(manifest),
        retrain=_RETRAIN.get(config["family"], _ANEW).format(name=manifest["name"]),
        stored=_STORED.get(manifest["format"], _NOT_STORED),
        weakest=_weakest(metrics["datasets"]),
        error=metrics["calibration_error"],
        curve="\n".join(map(_bin, metrics["reliability"])),
        temperature=calibration["temperature"],
        later=_later(manifest["serving"], calibration),
        neutral=_neutral(calibration),
        temperatures=", ".join(f"{group} {value:.2f}" for group, value in calibration["groups"].items()),
        unsure=100 * metrics["unsure"]["share"],
        unsure_right=100 * metrics["unsure"]["accuracy"],
        sure_right=100 * metrics["unsure"]["accuracy_of_sure"],
        people=_people(manifest["spread"]) if "spread" in manifest else _NOT_MEASURED,
        confusion="\n\n".join(_confusion(one) for one in metrics["groups"]),
        rows=sum(one["rows"] for one in manifest["training_data"]),
        sets="\n".join(_data_set(one) for one in manifest["training_data"]),
    )


def _learnt(manifest: dict[str, Any]) -> str:
    """What it learnt from beside the data sets, a sentence each."""
    said = []
    if manifest["built_on"]:
        said.append(f"It is built on {manifest['built_on']}.")
    if manifest["teacher"]:
        texts = f"{manifest['unlabelled_texts']:,} texts without labels"
        said.append(f"{manifest['teacher']} taught it, on the rows below and on {texts}.")
    if members := manifest.get("members"):
        said.append(f"Its members were packaged as {', '.join(members)}; the stacker learnt on rows that they did not.")
    if manifest["started_from"]:
        said.append(f"Its training began with the weights of {manifest['started_from']}.")
    return " ".join(said)


def _later(serving: dict[str, Any], calibration: dict[str, Any]) -> str:
    """The temperatures of what several models read."""
    said = f" Of both readings together: {calibration['mixed']:.2f}." if serving.get("first") else ""
    return said + (f" With the last one: {calibration['mixed_last']:.2f}." if serving.get("last") else "")


def _neutral(calibration: dict[str, Any]) -> str:
    """What is added to the logit of neutral; artefacts of before it was thought of do not tell."""
    shifts = calibration.get("neutral", {})
    return "".join(f" The logit of neutral gets {shift:+.2f} in a {kind}." for kind, shift in shifts.items())


def _reads(serving: dict[str, Any]) -> str:
    window, before, after = serving["window_chars"], serving.get("first"), serving.get("last")
    said = ["A text is read whole."]
    if window:
        said = [f"A text of more than {window} characters is read in windows of whole sentences; nothing is left out."]
    if before:
        first, sure, share = f"{before['model']}-{before['version']}", before["sure_from"], before["share"]
        said += [
            f"It is the second reader: {first} reads every text, and those that it gives no label with a probability",
            f"of {sure['usually']} ({_turned(sure)}) are read again,",
            f"its reading counting {share} and the second {1 - share:g}.",
        ]
    if after:
        last, sure = f"{after['model']}-{after['version']}", after["sure_from"]
        said += [
            f"What has no label with a probability of {sure['usually']} ({_turned(sure)}) then is read by {last},",
            f"all before it counting {after['share']:g}.",
        ]
    if before or after:
        said.append("All figures here are of all together; TensorFlow Serving gives this model's reading alone.")
    return " ".join(said)


def _turned(sure: dict[str, Any]) -> str:
    """From what probability on a text with a word that may turn the others is sure."""
    said = f"{sure['turned']} where there is a negator or a word of contrast"
    if sure.get("brief"):
        said += f", and {sure['brief']} where such a text has at most {BRIEF} characters"
    return said


def _interval(score: dict[str, float]) -> str:
    return f"{score['macro_f1']:.1f} ({score['low']:.1f} to {score['high']:.1f})"


def _group(one: dict[str, Any]) -> str:
    recall, error = one["macro_recall"], one["calibration_error"]
    return f"| {one['group']} | {one['rows']} | {_interval(one)} | {recall:.1f} | {error:.3f} |"


def _bin(one: dict[str, Any]) -> str:
    return f"| {one['confidence']:.2f} | {one['accuracy']:.2f} | {one['rows']} |"


def _weakest(datasets: list[dict[str, Any]]) -> str:
    worst = sorted(datasets, key=lambda one: one["macro_f1"])[:4]
    return ", ".join(f"{one['dataset']} ({one['macro_f1']:.0f})" for one in worst)


def _confusion(one: dict[str, Any]) -> str:
    labels = ("negative", "neutral", "positive")
    lines = [f"| {label} | {' | '.join(map(str, row))} |" for label, row in zip(labels, one["confusion"], strict=True)]
    return "\n".join([f"| {one['group']}: is \\ called | {' | '.join(labels)} |", "|---|---|---|---|", *lines])


def _people(spread: dict[str, Any]) -> str:
    lines = [
        f"| {'learnt from' if name == 'known' else 'new'}, {group} | {tau['sets']:g} | "
        + " | ".join(f"{value:.3f}" for value in [tau["doubt"], *tau["values"]])
        + " |"
        for name in ("known", "new")
        for group, tau in spread[name].items()
    ]
    return _PEOPLE.format(lines="\n".join(lines))


def _data_set(one: dict[str, Any]) -> str:
    mark = " **NC**" if one["non_commercial"] else ""
    group = f"{one['language']} {one['kind']}"
    return f"| {one['name']}{mark} | {group} | {one['rows']} | {one['labels']} | {one['licence']} |"


_ANEW = "`sentinela-train {name} --data FOLDER` trains it anew from catalogued data."
_FURTHER = (
    _ANEW[:-1] + "; `sentinela-train {name} --data mine.csv`\ngoes on from these weights with labels of your own."
)
_RETRAIN = {"bag": _FURTHER, "encoder": _FURTHER, "universal": _FURTHER}
_NOT_STORED = "No text of these data is stored in the\nmodel."
_STORED = {
    "estimator": "Its words and pairs of words are stored\nin the model: of few rows, that is nearly their texts."
}

_NOT_MEASURED = """Not measured: its training had fewer than six data sets with eight held-out rows of each label. So of
this model's means nothing can be claimed but that they are its means, until `sentinela-evaluate` measures it with
`--spread` on the folder of such data sets that it was trained on."""
_PEOPLE = """Its means are off people's: from one source of texts to the next, the errors have these standard deviations
(chance of sampling taken out; half of the sources as they are, half with their labels mixed anew). What people would
say of a feed that nobody labelled is its mean, give or take twice that. *New* are sources that it did not learn from:
averaged from those measured with it and from how much farther off a smaller model was at sources left out of its
training. They go with the root of the *doubt* that the model has of the texts, the variance of polarity by its own
probabilities: a feed that leaves it twice as unsure as these sources did is told 1.3 to 1.4 times as wide.

| sources | sets | doubt | polarity | negative | neutral | positive |
|---|---|---|---|---|---|---|
{lines}"""

_CARD = """# Sentiment model {name}, version {version}

Negative, neutral or positive: a probability for each, of a raw text in Portuguese, English or Spanish.

**What it is.** {what} {reads} Probabilities are calibrated on rows that no network learnt from.

**What it is for.** Following the mood of many texts over time. A single text's label is often wrong: irony, mixed
opinions and the question *about whom* are beyond it. It is not for judging persons, nor for decisions about one author.
A text whose best label has a probability below {unsure_below} is reported as unsure.

## How good it is

Macro-F1 and macro-recall in percent, mean over the data sets of a group, on {held_out} held-out rows (groups of near
duplicates never span training and held-out rows), with 95 % bootstrap intervals. Choices were made on rows like these,
so expect a little less elsewhere.

| group | rows | macro-F1 | macro-recall | calibration error |
|---|---|---|---|---|
{groups}

Mean over all data sets: macro-F1 {mean}. Weakest on: {weakest}.

### Calibration

Of the texts that it gives a label with this mean probability, that share is labelled right; expected calibration error
{error:.3f}. One temperature, {temperature:.2f}; where language and kind are given: {temperatures}.{later}{neutral}

| probability | right | rows |
|---|---|---|
{curve}

It is unsure of {unsure:.1f} % of the held-out texts, and right in {unsure_right:.0f} % of those; of the others it is
right in {sure_right:.0f} %.

### What people would say

{people}

### What is called what

{confusion}

## Known failures

- Irony without a mark, and praise of a rival, are taken at their word.
- News tells of bad things in a neutral tone and of good things too: the label is the event's, often, not the writer's.
- In reviews it has seen few neutral texts and seldom says neutral there.
- Texts that mix two languages, and other languages than its three, are guesses.

## How to retrain it

{retrain}

## What it was trained on

{rows} rows. {learnt} Licences are given as their publishers state them; **NC** marks data whose licence forbids
commercial use, by statement or as remembered. {stored}

| data set | group | rows | labels from | licence |
|---|---|---|---|---|
{sets}
"""
