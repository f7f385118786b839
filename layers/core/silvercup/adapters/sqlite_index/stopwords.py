"""Words that say nothing about what a text is about, in the languages that have most of them.

They are indexed like all others, so that phrases hold them. Only among the optional words of a query they are passed over; in a language
that is not here the rarity of words does the same, with more work.
"""

# ruff: noqa: RUF001 (Cyrillic letters look like Latin ones)
from __future__ import annotations

STOP_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "danish": "af alle at da de dem den der deres det dig din du efter eller en er et for fra han har hun hvad hvis hvor i ikke ind jeg "
        "kan man med mig min mod når og også om op os på sig sin skal som til ud under var ved vi vil være",
        "dutch": "aan als bij dan dat de der deze die dit door een en er had heb heeft het hij hoe hun ik in is je kan maar me met mijn "
        "naar niet nog of om onder ons ook op over te tot uit van voor wat was we wel werd wij worden wordt ze zich zij zijn zo",
        "english": "a an and are as at be been but by can did do does for from had has have he her his how i if in into is it its me my no "
        "not of on or our she so some such than that the their them then there these they this those to was we were what when where "
        "which who whom why will with would you your",
        "french": "à au aux avec ce ces cette d dans de des du elle elles en est et eu il ils j je l la le les leur lui m ma mais me mes "
        "mon n ne nos notre nous on ont ou où par pas pour qu que qui s sa se ses son sont sur t ta te tes toi ton tu un une vos votre vous y",
        "german": "aber als am an auch auf aus bei bin bis bist da das dass dem den der des die dies diese dieser du durch ein eine einem "
        "einen einer eines er es für habe haben hat ich ihr im in ist ja kann mich mir mit nach nicht noch nur ob oder sein sich sie sind so "
        "über um und uns unter vom von vor war was wenn werden wie wir wird zu zum zur",
        "italian": "a ad agli ai al alla alle anche c che chi ci come con cui d da dal dalla degli dei del della delle di e è ed gli ha "
        "hanno ho i il in io l la le lei li lo loro lui ma mi nel nella non o per più quale questa questo se si sono su sul sulla ti tra tu "
        "un una uno vi",
        "norwegian": "at av da de den der det du eller en er et etter for fra ha han har hun hva hvis hvor i ikke jeg kan man med meg min "
        "mot når og også om opp oss på seg sin skal som til ut var ved vi vil være",
        "portuguese": "a ao aos as à às com como da das de do dos e é ela ele eles em entre era essa esse esta este eu foi há isso já mais "
        "mas me na nas não nem no nos o os ou para pela pelo por qual quando que quem se sem seu sua são só também te um uma você",
        "russian": "а без бы был была были было быть в вам вас во вот все вы где да для до его ее ему если есть еще же за и из или им их к "
        "как ко когда кто ли мне мы на не него нее нет них но о об он она они оно от по под при с со так там то только ты у уже что чтобы "
        "это этот я",
        "spanish": "a al algo como con cual cuando de del desde donde e el ella ellas ellos en entre era es esa ese eso esta este esto está "
        "ha han hay la las le les lo los me mi muy más ni no nos o para pero por porque que quien qué se ser si sin sobre son su sus también "
        "te tu un una uno y ya yo él",
        "swedish": "alla att av de dem den det dig din du där efter eller en er ett från för ha han har hon hur i icke inte jag kan man med "
        "mig min mot när och också om oss på sig sin ska som så till under upp ut var vad vi vid vill är",
    }.items()
}
