"""Files that are not UTF-8, or no text at all, are named by what their bytes look like."""

import gzip
import io
import zipfile

import pytest

from tests.support.corpus_files import load, refusal
from utils import corpora
from utils.corpora import CorpusError
from utils.corpora.recognise import recognise_encoding

CHINESE = "text,label\n这家餐厅的菜很好吃，服务也不错。,好\n质量太差了，不推荐购买！,坏\n物流很快,好\n"
TRADITIONAL = "text,label\n這家餐廳的菜很好吃，服務也不錯。,好\n品質太差了，不推薦購買！,壞\n"
JAPANESE = "text,label\nこの店の料理はとても美味しいです。,良い\n品質が悪い。,悪い\n"
KOREAN = "text,label\n이 식당의 음식은 정말 맛있습니다. 추천해요!,긍정\n품질이 나쁩니다.,부정\n"
RUSSIAN = "text,label\nОчень хороший ресторан, рекомендую.,хорошо\nПлохое качество!,плохо\n".replace(", р", " р")
FRENCH = "text,label\nC’est très bon et déjà vu à l’hôtel… « oui »,bon\nPas ça,mauvais\n"
GERMAN = "text,label\nFür größere Städte: schön,gut\nÖde,schlecht\n"
SPANISH = "text,label\n¿Qué tal? ¡Muy bien señor! año,bien\nmal,mal\n"
POLISH = "text,label\nBardzo dobra jakość polecam każdemu i źle się nie czułem,dobre\nzłe,złe\n"
CZECH = "text,label\nPříliš žluťoučký kůň úpěl ďábelské ódy,dobře\nne,špatně\n"
TURKISH = "text,label\nÇok güzel bir şey ığdır İstanbul değil,iyi\nkötü,kötü\n"
GREEK = "text,label\nΠολύ καλό εστιατόριο το συνιστώ,καλό\nόχι,κακό\n"
HEBREW = "text,label\nמסעדה טובה מאוד,טוב\nלא,רע\n"
ARABIC = "text,label\nمطعم جيد جدا,جيد\nلا,سيئ\n"
THAI = "text,label\nอาหารอร่อยมาก,ดี\nไม่,แย่\n"

RECOGNISED = [
    (CHINESE, "gb18030"),
    (CHINESE, "utf-16-le"),
    (CHINESE, "utf-16-be"),
    (TRADITIONAL, "big5"),
    (JAPANESE, "cp932"),
    (JAPANESE, "euc_jp"),
    (KOREAN, "cp949"),
    (RUSSIAN, "cp1251"),
    (RUSSIAN, "koi8_r"),
    (FRENCH, "cp1252"),
    (FRENCH, "mac_roman"),
    (FRENCH, "utf-32-le"),
    (GERMAN, "cp1252"),
    (GERMAN, "cp850"),
    (SPANISH, "cp1252"),
    (POLISH, "cp1250"),
    (CZECH, "cp1250"),
]
each_recognised = pytest.mark.parametrize(("content", "encoding"), RECOGNISED)


@each_recognised
def test_the_advice_names_the_encoding_by_what_the_bytes_look_like_and_works(tmp_path, content, encoding):
    message = refusal(tmp_path, content.encode(encoding))
    assert f"pass encoding='{encoding}'" in message
    corpus = corpora.load(tmp_path / "own.csv", encoding=encoding)
    assert corpus.texts == [line.split(",")[0] for line in content.splitlines()[1:]]
    assert any(text[:20] in message for text in ["text,label", *corpus.texts])


@each_recognised
@pytest.mark.parametrize("tried", ["ascii", "cp1252", "gb18030", "big5", "cp949", "utf-16", "utf-8", "shift_jis"])
def test_the_advice_is_never_the_encoding_that_was_just_tried(tmp_path, content, encoding, tried):
    said = ""
    try:
        load(tmp_path, content.encode(encoding), encoding=tried)
    except CorpusError as error:
        said = str(error)
    assert f"'{tried}'" not in said


@pytest.mark.parametrize(
    ("content", "encoding"),
    [(TURKISH, "cp1254"), (GREEK, "cp1253"), (HEBREW, "cp1255"), (ARABIC, "cp1256"), (THAI, "cp874")],
)
def test_bytes_that_look_like_nothing_known_get_no_encoding_advised(tmp_path, content, encoding):
    message = refusal(tmp_path, content.encode(encoding))
    assert "encoding cannot be told from its bytes: save the file as UTF-8" in message
    assert "encoding='" not in message


@pytest.mark.parametrize("named", ["cp1252", "latin-1", "mac_roman"])
@pytest.mark.parametrize(
    ("content", "encoding"),
    [(CHINESE, "gb18030"), (TRADITIONAL, "big5"), (JAPANESE, "cp932"), (RUSSIAN, "cp1251"), (FRENCH, "utf-8")],
)
def test_a_western_encoding_named_for_other_bytes_is_refused_not_read_as_mojibake(tmp_path, named, content, encoding):
    message = refusal(tmp_path, content.encode(encoding), encoding=named)
    assert ("leave encoding out" if encoding == "utf-8" else f"pass encoding='{encoding}'") in message


@pytest.mark.parametrize("named", ["cp1252", "latin-1", "iso8859-15", "cp1254", "iso8859-2", "cp1250"])
def test_a_named_encoding_that_may_be_right_is_believed(tmp_path, named):
    assert load(tmp_path, GERMAN.encode(named), encoding=named).texts == ["Für größere Städte: schön", "Öde"]


def test_utf8_that_was_named_utf16_is_said_to_be_utf8(tmp_path):
    data = b"text,label\nfine,1\ndull!,0\n"
    assert len(data) % 2 == 0
    assert "it looks like UTF-8" in refusal(tmp_path, data, encoding="utf-16")


@pytest.mark.parametrize(("mark", "tried"), [("utf-16-le", "utf-16-be"), ("utf-16-be", "utf-16-le")])
def test_a_mark_of_the_other_order_of_bytes_is_refused(tmp_path, mark, tried):
    message = refusal(tmp_path, ("\ufeff" + CHINESE).encode(mark), encoding=tried)
    assert message.endswith(f"begins with the mark of UTF-16, but was read as {tried}; pass encoding='utf-16'")


def test_one_damaged_character_in_utf8_is_not_taken_for_another_encoding(tmp_path):
    data = (FRENCH * 20).replace("text,label\n", "").encode()
    data = b"text,label\n" + data[:50] + data[50:].replace("ô".encode(), b"\xc3", 1)
    message = refusal(tmp_path, data)
    assert "byte 0xc3 is not utf-8, but nearly all else in the file is; correct that line" in message


def test_a_large_file_is_recognised_by_its_first_lines_and_read_whole_before_it_is_advised(tmp_path):
    lines = CHINESE.encode("gb18030") * 4000
    assert recognise_encoding(lines) == ("gb18030", "GB18030, Chinese")
    assert recognise_encoding(lines + b"\xff\xff\n") == ("", "")


def zipped(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "application/vnd.oasis.opendocument.spreadsheet" if name == "mimetype" else "x")
    return buffer.getvalue()


FORMATS = [
    (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel file: export it as CSV"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "an Excel file (or another of old Microsoft Office): export"),
    (zipped("mimetype", "content.xml"), "a LibreOffice spreadsheet: export it as CSV"),
    (zipped("[Content_Types].xml", "word/document.xml"), "a Word file"),
    (zipped("train.csv"), "a zip archive: unpack it first"),
    (b"%PDF-1.7\n%\xe2\xe3", "a PDF file"),
    (b"PAR1" + bytes(40) + b"PAR1", "a Parquet file: write it with pandas as CSV"),
    (b"BZh91AY&SY" + bytes(10), "compressed with bzip2"),
    (b"\n <!DOCTYPE html><html>", "a web page"),
    (b"<?xml version='1.0'?>", "an XML file"),
]


@pytest.mark.parametrize(("data", "message"), FORMATS, ids=[message for _, message in FORMATS])
@pytest.mark.parametrize("name", ["own.csv", "own.csv.gz", "own.jsonl", "own.xlsx"])
def test_files_that_are_no_text_are_named_whatever_they_are_called(tmp_path, data, message, name):
    assert f": this is {message}" in refusal(tmp_path, data, name)
    assert "encoding" not in refusal(tmp_path, data, name)


@pytest.mark.parametrize("name", ["own.csv", "own.csv.gz"])
def test_gzip_is_unpacked_whatever_the_file_is_called(tmp_path, name):
    assert len(load(tmp_path, gzip.compress(CHINESE.encode()), name)) == 3


def test_gzip_within_gzip_and_excel_within_gzip_are_named(tmp_path):
    twice = gzip.compress(gzip.compress(CHINESE.encode()))
    assert "this is compressed with gzip once more: unpack it" in refusal(tmp_path, twice)
    assert "this is an Excel file" in refusal(tmp_path, gzip.compress(FORMATS[0][0]), "own.csv.gz")


def test_text_that_begins_like_a_signature_is_read(tmp_path):
    assert load(tmp_path, "text,label\nPK,1\n%PDF,0\n").texts == ["PK", "%PDF"]
    assert load(tmp_path, "PAR1,text,label\nBZh,PAR1,1\nx,%PDF,0\n").texts == ["PAR1", "%PDF"]
