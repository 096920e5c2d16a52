"""One item in every kind of feed."""

from __future__ import annotations

import json

RSS_091 = """<?xml version="1.0"?><rss version="0.91"><channel><title>c</title><link>https://n.example</link>
<item><title>Café sobe</title><link>https://n.example/1</link>
<description>&lt;p&gt;O preço&lt;/p&gt;</description></item>
</channel></rss>"""
RDF = """<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>c</title>
</channel><item rdf:about="https://n.example/1"><title>Café sobe</title><link>https://n.example/1</link>
<description>&lt;p&gt;O preço&lt;/p&gt;</description><dc:date>2026-09-03T12:00:00Z</dc:date>
<dc:creator>Ana</dc:creator></item></rdf:RDF>"""
RSS_20 = """<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<title>c</title><item><guid isPermaLink="false">g-1</guid><title>Café sobe</title><link>https://n.example/1</link>
<description>curto</description><content:encoded><![CDATA[<p>O preço</p>]]></content:encoded>
<pubDate>Thu, 03 Sep 2026 09:00:00 -0300</pubDate><author>ana@n.example (Ana)</author></item></channel></rss>"""
ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>c</title><entry><id>tag:n.example,2026:1</id>
<title>Café sobe</title><link href="https://n.example/1"/><content type="html">&lt;p&gt;O preço&lt;/p&gt;</content>
<published>2026-09-03T12:00:00Z</published><updated>2026-09-04T12:00:00Z</updated><author><name>Ana</name></author>
</entry></feed>"""
JSON_FEED = json.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "c",
        "items": [
            {
                "id": "j-1", "url": "https://n.example/1", "title": "Café sobe", "content_html": "<p>O preço</p>",
                "date_published": "2026-09-03T12:00:00Z", "date_modified": "2026-09-04T12:00:00Z",
                "authors": [{"name": "Ana"}],
            }
        ],
    }
)  # fmt: skip
