"""Words in column names, English and Korean, that tell what a column is for."""

from __future__ import annotations

import re
import unicodedata

from millrace.new.values import word_set

PLAIN_LABELS = word_set("label|labels|target|y|ground truth|정답|라벨|레이블|타깃|타겟|목표|목표변수|종속변수")
"""Names that say nothing but that this is the label."""

_SUBJECTS = (
    "fraud|fraudulent|churn|churned|default|defaulted|survived|outcome|diagnosis|attrition|exited|converted|conversion"
    "|purchased|returned|refunded|clicked|subscribed|cancelled|canceled|delinquent|bankrupt|defect|defective|spam"
    "|readmitted|hired|approved|class|species"
)
_FILLERS = (
    "is|has|was|did|will|flag|yn|y n|ind|indicator|status|label|target|reported|final|customer|user|actual|loan|claim"
)
_SUBJECT = re.compile(rf"(?:(?:{_FILLERS}) )*(?:{_SUBJECTS})(?: (?:{_FILLERS}))*")
_KOREAN_SUBJECTS = (
    "이탈|사기|불량|해지|연체|부도|구매|합격|생존|가입|재구매|취소|탈퇴|고장|결함|퇴사|부정|승인"
    "|당첨|양품|합불|반품|환불"
)
_KOREAN_SUBJECT = re.compile(
    rf"(?:\w+ ?)??(?:{_KOREAN_SUBJECTS})(?:여부|유무)|(?:{_KOREAN_SUBJECTS})|불량유형|판정|판정결과|분류"
)
WEAK_LABELS = word_set(
    "rings|price|sale price|saleprice|medv|quality|income|salary|grade|rating|result|response|sales"
    "|demand|cost|amount|score|category|type|group|cnt|가격|판매가격|매매가|거래금액|매출|매출액|판매량|수요|등급|결과|점수|만족도"
)
"""Names of labels as often as of features."""

_IDS = re.compile(
    r"(?:.* )?(?:id|ids|no|nr|key|code|uuid|guid|idx|seq|serial|zip|zipcode|postal|postcode|phone|mobile"
    r"|tel|fax|ssn|vin)"
    r"|number|index|(?:.* )?(?:id|zip|postal|phone|serial|account|order|customer|policy|invoice|ticket) number"
    r"|.*(?:번호|코드|아이디|일련|우편|식별자|전화)\w*|(?:.* )?\w*(?:연락처|휴대폰|핸드폰|사번|학번|품번)|순번|인덱스"
)
_COUNTS = re.compile(r".*(?:횟수|회수|건수|개수|빈도|시간|비율|금액|여부)")
_POSITIVE = word_set(
    "yes|y|true|t|positive|pos|fraud|churn|churned|bad|default|spam|fail|failed|defect|defective"
    "|malignant|m|abnormal|attack|예|네|사기|불량|이탈|해지|연체|부도|양성|비정상|이상|고장|결함|불합격|탈퇴|퇴사|취소|유|있음|o|참"
)
_NEGATIVE = word_set(
    "no|n|false|f|negative|neg|good|ham|pass|passed|benign|normal|ok|legit|아니오|아니요|정상|양품|유지|음성"
    "|합격|무|없음|x|거짓"
)


def words(name: str) -> str:
    """The words of a name in small letters: `isFraud`, `is_fraud` and `IS FRAUD` are the same."""
    name = unicodedata.normalize("NFC", name)
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.sub(r"[\W_]+", " ", parted).lower().split())


def label_strength(name: str) -> int:
    """How much a name sounds like the label's: 3 for `label`, 2 for `is_fraud` or `이탈여부`, 1 for `price`, else 0."""
    said = words(name)
    if said in PLAIN_LABELS:
        return 3
    if _SUBJECT.fullmatch(said) or _KOREAN_SUBJECT.fullmatch(said):
        return 2
    return 1 if said in WEAK_LABELS else 0


def names_an_id(name: str) -> bool:
    return bool(_IDS.fullmatch(words(name))) and not _COUNTS.fullmatch(words(name))


def names_a_class(name: str) -> bool:
    """Whether a label of this name is a class though its values are whole numbers."""
    return bool(re.search(r"class|category|type|grade|group|등급|분류|유형|구분", words(name)))


def names_an_amount(name: str) -> bool:
    """Whether a label of this name is an amount though it has few values."""
    pattern = (
        r"price|amount|count|rings|age|sales|demand|cost|score|number|quantity|가격|금액|수량|매출|판매|나이"
        r"|(?<!변)수$"
    )
    return bool(re.search(pattern, words(name)))


def positive(one: str, other: str) -> str | None:
    """Which of two classes is the positive one by its word; None if the words do not tell."""
    for first, second in ((one, other), (other, one)):
        first_word, second_word = first.strip().lower(), second.strip().lower()
        if first_word in ("1", "1.0"):
            if second_word in ("0", "0.0", "-1", "-1.0"):
                return first
        elif first_word in _POSITIVE and second_word not in _POSITIVE:
            return first
        if first_word in _NEGATIVE and second_word not in _NEGATIVE:
            return second
    return None
