"""Writing other than plain Latin: cells without marks and foreign digits, and family names of one or two signs."""

import re
import unicodedata
from functools import lru_cache

_SIGNS = r"\u4e00-\u9fff\u3005\u3040-\u30ff\uac00-\ud7af"
CJK = re.compile(rf"[{_SIGNS}]{{1,5}}(?:[ \u30fb\u00b7][{_SIGNS}]{{1,4}})?")

# The commonest family names of China, Korea and Japan, compiled by hand from general knowledge.
_ONE_SIGN = (
    "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何高林罗羅郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹彭曾肖蕭田董袁潘于蒋蔣蔡余杜叶葉程苏蘇魏吕呂丁任沈姚卢盧姜崔钟鍾谭譚陆陸汪范金石廖贾賈"
    "夏韦韋付方白邹鄒孟熊秦邱江尹薛闫閻段雷侯龙龍史陶黎贺賀顾顧毛郝龚龔邵万萬钱錢严嚴覃武戴莫孔向汤湯洪赖賴柯阮連游簡"
    "김이박최정강조윤장임한오서신권황안송류유전홍고문양손배백허남심노하곽성차주우구민나진지엄채원천방공현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국어은편용"
)
_TWO_SIGNS = (
    "佐藤 鈴木 高橋 田中 伊藤 渡辺 渡邊 山本 中村 小林 加藤 吉田 山田 佐々 山口 松本 井上 木村 斎藤 斉藤 清水 山崎 阿部 池田 橋本 山下 石川 中島 前田 藤田 小川 後藤 "
    "岡田 長谷 村上 近藤 石井 坂本 遠藤 青木 藤井 西村 福田 太田 三浦 藤原 岡本 松田 中川 中野 原田 小野 田村 竹内 金子 和田 中山 石田 上田 森田 柴田 酒井 工藤 横山 "
    "宮崎 宮本 内田 高木 安藤 谷口 大野 丸山 今井 藤本 武田 村田 上野 杉山 増田 平野 大塚 千葉 久保 松井 木下 野口 野村 菊地 菅原 小島 新井 桜井 津田 若松 笹田 宇野 "
    "欧阳 司马 上官 诸葛 皇甫 남궁 황보 제갈 선우 독고 사공"
)
SURNAME_SIGNS = frozenset(_ONE_SIGN)
SURNAME_PAIRS = frozenset(_TWO_SIGNS.split())


@lru_cache(maxsize=1 << 16)
def lettered(cell: str) -> str:
    """A cell with ASCII digits, full-width signs narrowed, and without marks that are no letters, as vowels of India's scripts are."""
    if cell.isascii():
        return cell
    composed = unicodedata.normalize("NFKC", cell)
    return "".join(
        str(unicodedata.decimal(char)) if char.isdecimal() else char
        for char in composed
        if char.isascii() or (unicodedata.category(char)[0] != "M" and unicodedata.category(char) != "Cf")
    )


def begins_with_surname(cell: str) -> bool:
    """Whether a text of Chinese, Korean or Japanese signs begins with a common family name."""
    return bool(CJK.fullmatch(cell)) and (cell[:1] in SURNAME_SIGNS or cell[:2] in SURNAME_PAIRS)
