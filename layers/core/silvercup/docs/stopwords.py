"""Words that say nothing about what a text is about, in a few languages."""

from __future__ import annotations

from collections.abc import Iterable

ENGLISH = frozenset(
    """
    a about above after again against ain all almost already also although always am among an and any anybody anyone anything are aren
    around as ask at away back be became because been before being below between both but by came can cannot could couldn did didn do
    does doesn doing don done down during each either else enough ever every everyone everything few for from further get gets getting
    give given go goes going gone got had hadn has hasn have haven having he hello her here hers herself hey hi him himself his how
    however http https i if in into is isn it its itself just know let like ll look made make makes many may maybe me might mine more most much must
    mustn my myself need needs neither never no nobody nor not nothing now of off often oh ok okay on once one only onto or other others
    our ours ourselves out over own per perhaps please quite rather re really said same say says see seem seems shall she should
    shouldn since so some somebody someone something still such take tell than thank thanks that the their theirs them themselves then
    there these they thing things think this those though through thus to too toward towards under until up upon us use used using ve
    very want wants was wasn way we well went were weren what whatever when where whether which while who whoever whole whom whose why
    will with within without won would wouldn www yes yet you your yours yourself yourselves
    """.split()
)

_OTHERS = {
    "de": """
        aber alle allem allen aller alles als also am an andere anderen auch auf aus bei beim bin bis bist bitte da dabei dafür damit dann
        das dass dazu dein deine dem den denn der des dich die dies diese diesem diesen dieser dieses dir doch dort du durch ein eine
        einem einen einer eines er es etwas euch euer für gegen gibt haben habe hast hat hatte hatten hier ich ihm ihn ihnen ihr ihre
        ihren im in ist ja jede jeder jetzt kann kannst kein keine können machen man mehr mein meine mich mir mit muss nach nein nicht
        nichts noch nun nur ob oder ohne sehr sein seine sich sie sind so soll über um und uns unser unter vom von vor war waren warum was
        weil welche welcher wenn wer werden wie wieder will wir wird wo wurde zu zum zur zwischen
        """,
    "es": """
        al algo algunos ante antes aquí así como con contra cual cuando cuál cuándo cómo de del desde donde dónde dos durante e el ella
        ellas ellos en entre era eres es esa ese eso esta estaba estas este esto estos está están favor fue ha había hace hacer hasta hay
        he hola la las le les lo los me mi mis mucho muy más nada ni no nos nosotros o os otra otro para pero poco por porque puede puedo
        que quien quién qué se ser si sin sobre son soy su sus sí también tanto te tener tengo ti tiene todo todos tu tus tú un una uno
        unos vosotros y ya yo él
        """,
    "fr": """
        afin ai ainsi alors après as au aucun aussi autre autres aux avant avec avez avoir avons bien bonjour car ce cela ces cet cette
        ceux chez comme comment d dans de depuis des donc dont du elle elles en encore entre es est et eu eux faire fait il ils j je la le
        les leur leurs lui là m ma mais me merci mes mon même n ne ni nos notre nous on ont ou où par parce pas peu peut plus pour
        pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se sera ses si son sont sous suis sur t ta te tes toi ton tous
        tout toute toutes très tu un une vers vos votre vous y à ça été être
        """,
    "it": """
        abbiamo ai al alla alle allo anche ancora avere ben c che chi ci ciao come con cosa cui d da dal dalla dalle dei del della delle
        dello di dove due e ed era essere fa fare fra gli grazie ha hai hanno ho i il in io l la le lei li lo loro lui ma me mi mia mio
        molto ne nei nel nella nelle noi non nostro o ogni per perché però più poi può qual quale quando quanto quella quelle quello
        questa queste questi questo qui sei senza si sia siamo siete solo sono sta su sua sue sui sul sulla suo suoi te ti tra tu tua tuo
        tutti tutto un una uno vi voi è
        """,
    "nl": """
        aan al alle als altijd ben bij daar dan dat de deze die dit doen door dus een en er ge geen had heb hebben heeft hem het hier hij
        hoe hun ik in is ja je jij kan kunnen maar me meer men met mij mijn moet na naar niet niets nog nu of om omdat onder ons ook op
        over te tegen toch toen tot u uit uw van veel voor waar waarom wanneer waren was wat we wel welke werd wie wij wil worden zal ze
        zelf zich zij zijn zo zonder zou
        """,
    "pt": """
        a ainda ao aos aqui as até com como da das de dela dele depois do dos e ela elas ele eles em entre era essa esse esta estava este
        está estão eu foi for fosse há isso isto já la lhe mais mas me mesmo meu meus minha muito na nas nem no nos nossa nosso não nós o
        obrigado olá onde os ou para pela pelo por porque posso qual quando que quem se sem ser seu seus sobre sou sua suas são só também
        te tem tenho ter teu todo todos tu tua um uma você vocês à às é
        """,
}

_LANGUAGES = (ENGLISH, *(frozenset(words.split()) for words in _OTHERS.values()))


def stop_words(words: Iterable[str]) -> frozenset[str]:
    """The stop words for a text: English ones, and those of the language that most of its words are stop words of.

    A word may say nothing in one language and something in another (the German "die", the English "die"), which is why those of the other
    languages are left alone.

    Args:
        words: The words of the text, lower case.
    """
    counted = list(words)
    return ENGLISH | max(_LANGUAGES, key=lambda language: sum(word in language for word in counted))
