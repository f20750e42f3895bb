//! Words that say little, as the offline embedder weighs them, and the endings that it cuts off.
//!
//! Written down by hand for the languages that the most texts are in: English, German, French, Spanish,
//! Italian, Portuguese, Dutch and the Scandinavian ones; in lower case and without accents. A word of one
//! language may be a rarer one of another; it loses weight there too, which costs less than the other way
//! round. Any change changes vectors, and so needs another name of the embedder.

/// Words of grammar. They are in every text and tell none from another.
pub(super) const GRAMMAR: &str = "
    a an the and or but if then else than as at by for from in into of off on onto out over to up down with
    without within about above after again against all also am any are aren be because been before being below
    between both can cannot could did do does doing don done during each few further had has have having he
    her here hers him his how i it its itself just me more most my myself no nor not now once only other our
    ours own same she should so some such that their them themselves there these they this those through too
    under until very was we were what when where which while who whom whose why will would you your yours may
    might must shall us one two
    der die das den dem des ein eine einer eines einem einen und oder aber wenn dann als auf aus bei bis durch
    fur gegen im ins ist sind war waren wird werden wurde wurden mit nach nicht noch nur ob ohne sein seine
    seiner sich sie er es ich du wir ihr mein dein unser von vom vor wer wie wo zu zum zur uber unter um auch
    kann konnen man mehr hat haben hatte mich mir dich dir uns euch ihm ihn ihnen kein keine dass weil wieder
    schon sehr viel viele welche welcher welches
    le la les un une de et ou mais si que qui quoi dont au aux ce cet cette ces dans en est sont etait par pas
    plus pour sans se ses son sa sur tu vous nous ils elle elles je te lui leur ne avec comme tout tous etre
    avoir ont ai mon ma mes ton ta tes notre votre
    el los las unos unas y o pero quien como cuando donde del al con sin por para era fue ser estar esta este
    esto estos estas ese eso su sus lo mi mis tus yo nos muy mas ya hay
    il gli uno una e che chi cui di da tra fra per non piu come sono sei della dei delle nel nella alla
    os uma quem dos na nas em com sao foi nao ao aos
    het een maar dan dat dit deze door is met naar niet om op ook tot uit van voor wat zijn zo aan bij
    och att det som ett pa av med till inte ar var
";

/// Words that are common everywhere: they tell a little.
pub(super) const COMMON: &str = "
    able according across actually ago almost along already although always among another anybody anyone
    anything around ask asked away back become becomes begin better big bit bring call called came case cases
    certain change changed comes common course day days different early easy either end enough even ever every
    everybody everything example fact far find first five follow following four found full gave general get
    gets getting give given gives go goes going good got great group half hand happen happens hard help high
    himself hold hour hours however hundred idea important instead keep kept kind knew know known large last
    late later least left less let level like likely line little long look looking lot low made main make
    makes making many matter mean means minute minutes month months much name near nearly need needed needs
    never new next nobody none nothing number often old open order others part past people perhaps person
    place point possible put question quite rather reach real really reason right run said saw say says second
    see seem seen send sent set several short show side simple since small something sometimes soon start
    started still stop sure take taken takes taking tell ten thank thing things think third though thought
    thousand three time times today together told took toward tried try turn twice type understand unless upon
    use used user uses using usually various want wanted wants way ways week weeks well went whether whole
    work worked working works world year years yes yesterday yet
    jahr jahre tag tage woche wochen monat monate stunde stunden minuten zeit mal neu neue neues neuen neuer
    gut gute ganz immer jetzt hier dort machen macht gemacht gehen geht kommen kommt gibt geben sagen sagt
    sehen muss mussen soll sollte wollen darf etwa meist oft etwas nichts alle alles andere anderen erst erste
    ersten zwei drei vier
    annee annees jour jours fois temps faire fait bien tres aussi encore toujours deux trois autre autres peut
    meme entre
    ano anos dia dias vez veces tiempo hacer hecho tambien siempre otro otra puede mismo
";

/// Endings of word forms, longer ones before those that end like them. English and German ones.
pub(super) const ENDINGS: [&str; 26] = [
    "ations", "ation", "ments", "ment", "ingly", "edly", "ings", "ungen", "ung", "ing", "ness",
    "ies", "ied", "lich", "ened", "ers", "ern", "est", "ed", "en", "er", "es", "em", "ly", "s",
    "n",
];
