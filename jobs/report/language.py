"""Every phrase of the report in every language, and how that language writes numbers and days."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal, format_percent

Language = Literal["en", "pt"]

LOCALES: dict[Language, str] = {"en": "en_001", "pt": "pt_BR"}
"""The locale whose numbers and days each language has; en_001 is English that puts the day before the month."""

MINUS = "\u2212"
"""The sign of a negative polarity: as wide as the plus, where the locales have a hyphen."""

UNKNOWN = "–"

PHRASES: dict[str, dict[Language, str]] = {
    "title": {"en": "What people say", "pt": "O que as pessoas dizem"},
    "index_title": {"en": "Reports", "pt": "Relatórios"},
    "index_empty": {"en": "No report yet.", "pt": "Ainda não há relatórios."},
    "period": {"en": "Period", "pt": "Período"},
    "compared_with": {"en": "compared with {period}", "pt": "em comparação com {period}"},
    "days_n": {"en": "{n} days", "pt": "{n} dias"},
    "days_dash": {"en": "–", "pt": "a"},
    "all": {"en": "All posts", "pt": "Todas as publicações"},
    "all_feeds": {"en": "All feeds", "pt": "Todas as fontes"},
    "items_n": {"en": "Items", "pt": "Itens"},
    "brand": {"en": "Brand", "pt": "Marca"},
    "brands": {"en": "Brands", "pt": "Marcas"},
    "feed": {"en": "Feed", "pt": "Fonte"},
    "language": {"en": "Language", "pt": "Idioma"},
    "day": {"en": "Day", "pt": "Dia"},
    "date": {"en": "Date", "pt": "Data"},
    "skip": {"en": "Skip to the content", "pt": "Ir para o conteúdo"},
    # Headline
    "headline": {"en": "At a glance", "pt": "Em resumo"},
    "mean_polarity": {"en": "Mean polarity", "pt": "Polaridade média"},
    "polarity": {"en": "Polarity", "pt": "Polaridade"},
    "interval": {"en": "95% interval", "pt": "intervalo de 95%"},
    "low": {"en": "Lower end", "pt": "Limite inferior"},
    "high": {"en": "Upper end", "pt": "Limite superior"},
    "from_to": {"en": "{low} to {high}", "pt": "{low} a {high}"},
    "change": {"en": "Change", "pt": "Variação"},
    "before": {"en": "Period before", "pt": "Período anterior"},
    "now": {"en": "This period", "pt": "Este período"},
    "better": {"en": "Better", "pt": "Melhor"},
    "worse": {"en": "Worse", "pt": "Pior"},
    "unclear": {"en": "No clear change", "pt": "Sem mudança clara"},
    "incomparable": {"en": "Nothing to compare with", "pt": "Sem base de comparação"},
    "posts": {"en": "Posts", "pt": "Publicações"},
    "posts_n": {"en": "{n} posts", "pt": "{n} publicações"},
    "distinct": {"en": "Different texts", "pt": "Textos distintos"},
    "negative_share": {"en": "Negative share", "pt": "Parcela negativa"},
    "negative": {"en": "Negative", "pt": "Negativas"},
    "neutral": {"en": "Neutral", "pt": "Neutras"},
    "positive": {"en": "Positive", "pt": "Positivas"},
    "unscored": {"en": "Not scored", "pt": "Não pontuadas"},
    "unsure": {"en": "Model unsure", "pt": "Modelo em dúvida"},
    "mix": {
        "en": "{negative} negative, {neutral} neutral, {positive} positive",
        "pt": "{negative} negativas, {neutral} neutras, {positive} positivas",
    },
    "lead_mood": {
        "en": "By the model, the mood of {n} posts averaged {mean} on a scale from −1 (negative) to +1 (positive).",
        "pt": "Segundo o modelo, o humor de {n} publicações teve média {mean}, numa escala de −1 (negativo) a +1 "
        "(positivo).",
    },
    "lead_none": {
        "en": "No post of this period could be scored.",
        "pt": "Nenhuma publicação deste período pôde ser pontuada.",
    },
    "lead_better": {
        "en": "That is better than in the period before ({change}).",
        "pt": "É melhor que no período anterior ({change}).",
    },
    "lead_worse": {
        "en": "That is worse than in the period before ({change}).",
        "pt": "É pior que no período anterior ({change}).",
    },
    "lead_unclear": {
        "en": "Against the period before there is no clear change ({change}).",
        "pt": "Em relação ao período anterior não há mudança clara ({change}).",
    },
    "lead_incomparable": {
        "en": "There is no period before to compare it with.",
        "pt": "Não há período anterior para comparar.",
    },
    "lead_fall": {
        "en": "The sharpest turn was a fall of {brand} on {day}: {mean} after a week at {base}",
        "pt": "A virada mais forte foi uma queda de {brand} em {day}: {mean} depois de uma semana em {base}",
    },
    "lead_rise": {
        "en": "The sharpest turn was a rise of {brand} on {day}: {mean} after a week at {base}",
        "pt": "A virada mais forte foi uma alta de {brand} em {day}: {mean} depois de uma semana em {base}",
    },
    "lead_fall_all": {
        "en": "The sharpest turn was a fall on {day}: {mean} after a week at {base}",
        "pt": "A virada mais forte foi uma queda em {day}: {mean} depois de uma semana em {base}",
    },
    "lead_rise_all": {
        "en": "The sharpest turn was a rise on {day}: {mean} after a week at {base}",
        "pt": "A virada mais forte foi uma alta em {day}: {mean} depois de uma semana em {base}",
    },
    "lead_words": {"en": "with much talk of {words}", "pt": "com muita conversa sobre {words}"},
    "scale": {"en": "−1 negative · +1 positive", "pt": "−1 negativo · +1 positivo"},
    # Charts
    "show": {"en": "Show", "pt": "Mostrar"},
    "over_time": {"en": "Polarity over time", "pt": "Polaridade ao longo do tempo"},
    "over_time_aria": {
        "en": "Line of mean polarity for each day with its 95% interval; the same figures are in the table below.",
        "pt": "Linha da polaridade média de cada dia com o intervalo de 95%; os mesmos números estão na tabela abaixo.",
    },
    "volume": {"en": "Posts a day", "pt": "Publicações por dia"},
    "volume_aria": {
        "en": "Bars of negative, neutral and positive posts for each day; the same figures are in the table below.",
        "pt": "Barras de publicações negativas, neutras e positivas por dia; os mesmos números estão na tabela abaixo.",
    },
    "groups_aria": {
        "en": "Points of mean polarity with 95% intervals; the same figures are in the table below.",
        "pt": "Pontos da polaridade média com intervalos de 95%; os mesmos números estão na tabela abaixo.",
    },
    "by_brand": {"en": "By brand", "pt": "Por marca"},
    "by_feed": {"en": "By feed", "pt": "Por fonte"},
    "by_language": {"en": "By language", "pt": "Por idioma"},
    "compare": {"en": "Who and where", "pt": "Quem e onde"},
    "legend_ok": {"en": "Daily mean and 95% interval", "pt": "Média do dia e intervalo de 95%"},
    "legend_base": {"en": "Mean of the 7 days before", "pt": "Média dos 7 dias anteriores"},
    "legend_few": {"en": "Fewer than {n} different texts", "pt": "Menos de {n} textos distintos"},
    "legend_zero": {"en": "No posts", "pt": "Sem publicações"},
    "legend_unseen": {"en": "Could not see", "pt": "Não foi possível ver"},
    "legend_partial": {"en": "Seen in part", "pt": "Visto em parte"},
    "legend_move": {"en": "Remarkable move", "pt": "Virada notável"},
    "legend_groups": {
        "en": "Point and line: this period with its 95% interval. Ring: the period before.",
        "pt": "Ponto e linha: este período com o intervalo de 95%. Anel: o período anterior.",
    },
    "below_zero": {"en": "all below zero", "pt": "todo abaixo de zero"},
    "around_zero": {"en": "around zero", "pt": "em torno de zero"},
    "above_zero": {"en": "all above zero", "pt": "todo acima de zero"},
    "status": {"en": "Day", "pt": "Situação"},
    "status_ok": {"en": "complete", "pt": "completo"},
    "status_few": {"en": "few texts", "pt": "poucos textos"},
    "status_zero": {"en": "no posts", "pt": "sem publicações"},
    "status_unseen": {"en": "could not see", "pt": "não foi possível ver"},
    "status_absent": {"en": "not computed yet", "pt": "ainda não calculado"},
    "status_partial": {"en": "seen in part", "pt": "visto em parte"},
    "as_table": {"en": "Show as a table", "pt": "Ver como tabela"},
    "no_script": {
        "en": "The charts need JavaScript; every figure is also in the tables.",
        "pt": "Os gráficos precisam de JavaScript; todos os números estão também nas tabelas.",
    },
    # Moves
    "moves": {"en": "What moved", "pt": "O que mudou"},
    "move_change": {
        "en": "{mean} after a week at {base} ({change})",
        "pt": "{mean} depois de uma semana em {base} ({change})",
    },
    "fall": {"en": "Fall", "pt": "Queda"},
    "rise": {"en": "Rise", "pt": "Alta"},
    "no_moves": {
        "en": "No day stands out: every daily mean agrees with the week before it.",
        "pt": "Nenhum dia se destaca: toda média diária concorda com a semana anterior.",
    },
    "words_of_day": {"en": "Words of the day", "pt": "Palavras do dia"},
    "no_words": {"en": "no word stands out", "pt": "nenhuma palavra se destaca"},
    "posts_of_day": {"en": "Posts of that day", "pt": "Publicações desse dia"},
    # Posts
    "posts_behind": {"en": "The posts behind the mood", "pt": "As publicações por trás do humor"},
    "most_negative": {"en": "Most negative", "pt": "Mais negativas"},
    "most_positive": {"en": "Most positive", "pt": "Mais positivas"},
    "typical": {"en": "Typical", "pt": "Típicas"},
    "full_text": {"en": "Full text", "pt": "Texto completo"},
    "cut": {
        "en": "The text goes on at its source; {n} characters are shown.",
        "pt": "O texto continua na origem; são mostrados {n} caracteres.",
    },
    "link": {"en": "At the source", "pt": "Na origem"},
    "link_of": {
        "en": "Post of {feed}, {day}, at the source",
        "pt": "Publicação de {feed}, {day}, na origem",
    },
    "copies": {"en": "{n} identical posts that day", "pt": "{n} publicações idênticas no dia"},
    "no_posts": {"en": "None in this period.", "pt": "Nenhuma neste período."},
    "text": {"en": "Text", "pt": "Texto"},
    "kind": {"en": "Group", "pt": "Grupo"},
    "scope": {"en": "Where from", "pt": "Recorte"},
    "whole_period": {"en": "whole period", "pt": "período inteiro"},
    # Quality
    "quality": {"en": "Can these figures be trusted?", "pt": "Dá para confiar nestes números?"},
    "items": {"en": "Items fetched", "pt": "Itens coletados"},
    "kept": {"en": "Posts kept", "pt": "Publicações mantidas"},
    "quarantined": {"en": "Quarantined", "pt": "Em quarentena"},
    "undated": {"en": "Undated", "pt": "Sem data"},
    "undated_note": {
        "en": "Undated items have no trustworthy date: they stay out of every daily series. They are counted over "
        "all time.",
        "pt": "Itens sem data confiável ficam fora de toda série diária. São contados em todo o histórico.",
    },
    "unscored_note": {
        "en": "Not scored: the language is none of Portuguese, English and Spanish. Counted as posts, without "
        "polarity.",
        "pt": "Não pontuadas: o idioma não é português, inglês nem espanhol. Contam como publicações, sem polaridade.",
    },
    "unsure_note": {
        "en": "Model unsure: no label stood out, so the one given is little more than a guess. Such posts count in "
        "every figure, near the middle of the scale.",
        "pt": "Modelo em dúvida: nenhum rótulo se destacou, e o atribuído é pouco mais que um palpite. Essas "
        "publicações contam em todos os números, perto do meio da escala.",
    },
    "total": {"en": "Total", "pt": "Total"},
    "rules": {"en": "Why items were quarantined", "pt": "Por que itens foram para a quarentena"},
    "rules_note": {
        "en": "An item that broke several rules counts for each; undated items are included.",
        "pt": "Um item que quebrou várias regras conta em cada uma; itens sem data estão incluídos.",
    },
    "rule": {"en": "Rule", "pt": "Regra"},
    "meaning": {"en": "What it asks", "pt": "O que ela pede"},
    "no_rules": {"en": "No item was quarantined.", "pt": "Nenhum item foi para a quarentena."},
    "gaps": {"en": "What could not be seen", "pt": "O que não foi possível ver"},
    "gaps_note": {
        "en": "On these days a feed failed, refused or cut its answer. A quiet day there is no sign of silence.",
        "pt": "Nesses dias uma fonte falhou, recusou ou cortou a resposta. Um dia quieto ali não é sinal de silêncio.",
    },
    "no_gaps": {
        "en": "Every fetch on record was answered in full.",
        "pt": "Toda coleta registrada foi respondida por inteiro.",
    },
    "held": {
        "en": "newest data held back by a data check",
        "pt": "dados mais recentes retidos por uma verificação",
    },
    "outcome": {"en": "Outcome", "pt": "Resultado"},
    "reason": {"en": "Reason", "pt": "Motivo"},
    "days": {"en": "Days", "pt": "Dias"},
    "first_day": {"en": "First day", "pt": "Primeiro dia"},
    "last_day": {"en": "Last day", "pt": "Último dia"},
    "status_change": {"en": "Verdict", "pt": "Veredito"},
    "outcome_failed": {"en": "failed", "pt": "falhou"},
    "outcome_refused": {"en": "refused", "pt": "recusada"},
    "outcome_capped": {"en": "cut short", "pt": "cortada"},
    # Method
    "method": {"en": "How to read this", "pt": "Como ler este relatório"},
    "method_polarity": {
        "en": "Polarity is the probability, by the model, that a text is positive minus the probability that it "
        "is negative: "
        "−1 is surely negative, +1 surely positive, 0 neutral or torn. The mean counts every scored post once.",
        "pt": "Polaridade é a probabilidade, segundo o modelo, de o texto ser positivo menos a de ser negativo: −1 é "
        "certamente negativo, +1 certamente positivo, 0 neutro ou dividido. A média conta cada publicação "
        "pontuada uma vez.",
    },
    "method_interval": {
        "en": "The 95% interval is an interval of the model's mean alone: how far chance in which texts were seen "
        "could have moved that mean, given how many different texts there were. Few texts make a wide interval, and "
        "repeated texts are no new evidence. It does not say how far the model lies from what people mean. Measured "
        "against people's labels, on texts of a kind the model never saw, the level was off by up to 0.35 on the "
        "scale from −1 to +1, and more texts do not mend that; ranks and directions held better. So trust who stands "
        "higher and which way the mood went before you trust a level.",
        "pt": "O intervalo de 95% é um intervalo da média do modelo, e só dela: quanto o acaso de quais textos foram "
        "vistos pode ter deslocado essa média, dado o número de textos distintos. Poucos textos fazem um intervalo "
        "largo, e textos repetidos não são evidência nova. Ele não diz quão longe o modelo está do que as pessoas "
        "querem dizer. Comparado com rótulos de pessoas, em textos de um tipo que o modelo nunca viu, o nível "
        "errou em até 0,35 na escala de −1 a +1, e mais textos não corrigem isso; a ordem e o sentido das mudanças "
        "se mantiveram melhor. Por isso, confie mais em quem está acima e para que lado o humor foi do que no nível.",
    },
    "method_change": {
        "en": "A change is called better or worse only when the 95% interval of the difference between the model's "
        "two means leaves out zero. A day is a "
        "remarkable move when its interval and that of the seven days before it lie apart. With many days, brands "
        "and feeds "
        "now and then one does so by chance.",
        "pt": "Uma variação só é chamada de melhor ou pior quando o intervalo de 95% da diferença entre as duas "
        "médias do modelo exclui o zero. Um dia é uma "
        "virada notável quando seu intervalo e o dos sete dias anteriores não se tocam. Com muitos dias, marcas e "
        "fontes, de "
        "vez em quando isso acontece por acaso.",
    },
    "method_words": {
        "en": "The words of a day are those much more frequent in its texts than in the rest of the period. They "
        "show what was "
        "talked about, not what caused the mood.",
        "pt": "As palavras de um dia são as muito mais frequentes nos seus textos que no resto do período. "
        "Mostram do que se "
        "falou, não o que causou o humor.",
    },
    "method_limits": {
        "en": "What it does not say: these are the posts of the feeds listed here, not the opinion of all "
        "customers; the model "
        "errs, most of all on irony, and its errors are not part of the interval; a brand counts when its name is "
        "in the text.",
        "pt": "O que ele não diz: são publicações das fontes aqui listadas, não a opinião de todos os clientes; o "
        "modelo erra, "
        "sobretudo em ironia, e seus erros não entram no intervalo; uma marca conta quando seu nome está no texto.",
    },
    # Footer and workbook
    "snapshot": {"en": "Data snapshot", "pt": "Instantâneo dos dados"},
    "model": {"en": "Model", "pt": "Modelo"},
    "settings": {"en": "Settings", "pt": "Configuração"},
    "contracts": {"en": "Contracts", "pt": "Contratos"},
    "time_zone": {"en": "Days of", "pt": "Dias de"},
    "downloads": {"en": "Also as", "pt": "Também em"},
    "sheet_summary": {"en": "Summary", "pt": "Resumo"},
    "sheet_daily": {"en": "Daily", "pt": "Diário"},
    "sheet_groups": {"en": "By feed and language", "pt": "Por fonte e idioma"},
    "sheet_posts": {"en": "Posts", "pt": "Publicações"},
    "sheet_quality": {"en": "Quality", "pt": "Qualidade"},
    # Languages of posts
    "language_other": {"en": "Other", "pt": "Outro"},
}

RULES_PT: dict[str, str] = {
    "kind_known": "A fonte traz notícias, avaliações ou publicações.",
    "post_id_present": "Um item sem identidade não pode ser contado uma única vez.",
    "date_readable": "A data informada pela fonte é legível.",
    "date_plausible": "A data fica entre 1990 e um dia depois da coleta.",
    "text_present": "Um item sem palavras não tem humor para ler.",
    "text_length": "O texto tem de 1 a 200.000 caracteres.",
    "text_decoded": "No máximo dois caracteres se perderam por codificação errada.",
    "rating_in_scale": "A nota fica numa escala de 0 a 100.",
    "language_known": "Os idiomas são pt, en e es; o resto é outro.",
    "record_readable": "O registro pode ser lido.",
}
"""The contracts speak English; their row rules in Portuguese."""


@dataclass(frozen=True)
class Voice:
    """Speaks one language: phrases, numbers and days, as plain text."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """The phrase `key` with `values` put in; KeyError for an unknown phrase."""
        return PHRASES[key][self.language].format(**values)

    @cached_property
    def locale(self) -> Locale:
        """Babel's data of how numbers and days are written."""
        return Locale.parse(LOCALES[self.language])

    def count(self, value: float) -> str:
        """A whole number with the language's thousands separator."""
        return format_decimal(int(value), locale=self.locale)

    def polarity(self, value: float) -> str:
        """A polarity, or a change of it, with sign and two decimals; a dash for NaN."""
        if math.isnan(value):
            return UNKNOWN
        rounded = round(value, 2) or 0
        return format_decimal(rounded, f"+0.00;{MINUS}0.00" if rounded else "0.00", locale=self.locale)

    def span(self, low: float, high: float) -> str:
        """An interval of polarity; a dash where it is unknown."""
        return UNKNOWN if math.isnan(low) else self("from_to", low=self.polarity(low), high=self.polarity(high))

    def percent(self, share: float) -> str:
        """A share in [0, 1] as whole per cent; a dash for NaN."""
        return UNKNOWN if math.isnan(share) else format_percent(share, locale=self.locale)

    def day(self, day: date) -> str:
        """A day in full, with its year."""
        return format_date(day, "long", self.locale)

    def short(self, day: date) -> str:
        """Day and month, abbreviated."""
        return format_skeleton("MMMd", day, locale=self.locale)

    def weekday(self, day: date) -> str:
        """Weekday, day and month."""
        return format_date(day, _widened(self.locale.datetime_skeletons["MMMEd"].pattern), self.locale)

    def days(self, start: date, end: date) -> str:
        """One day, or the first and the last of several, with what they share said once."""
        if start == end:
            return self.day(start)
        differ = "y" if start.year != end.year else "M" if start.month != end.month else "d"
        patterns = self.locale.interval_formats["yMMMd"][differ]
        ends = (format_date(day, _widened(p), self.locale) for day, p in zip((start, end), patterns, strict=True))
        return "".join(ends).replace("\u2009", " ").replace("–", self("days_dash"))

    def brand(self, name: str) -> str:
        """A brand's name, or what `all` is called."""
        return self("all") if name == "all" else name

    def tongue(self, code: str) -> str:
        """What the language `code` of posts is called."""
        name = self("language_other") if code == "other" else self.locale.languages.get(code, code)
        return name[:1].upper() + name[1:]

    def rule(self, name: str, description: str) -> str:
        """What a rule of the contracts asks."""
        return RULES_PT.get(name, description) if self.language == "pt" else description

    def verdict(self, low: float, high: float) -> str:
        """Key of the verdict on a change with the interval `low` to `high`."""
        if math.isnan(low):
            return "incomparable"
        return "better" if low > 0 else "worse" if high < 0 else "unclear"

    def vega_locale(self) -> dict[str, object]:
        """How Vega writes numbers in this language. Days it is given as words."""
        symbols = self.locale.number_symbols[self.locale.default_numbering_system]
        first, others = self.locale.decimal_formats[None].grouping
        return {
            "number": {
                "decimal": symbols["decimal"],
                "thousands": symbols["group"],
                "grouping": [first, *[others] * 4],
                "currency": ["", ""],
                "minus": MINUS,
            }
        }


def _widened(pattern: str) -> str:
    """`pattern` with month and weekday in full: CLDR tells the narrow one and leaves the widening to its reader."""
    return re.sub("E+", "EEEE", re.sub("MMM+", "MMMM", pattern))
