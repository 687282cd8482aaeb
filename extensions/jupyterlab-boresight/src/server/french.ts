/** French words of the notices and meters. */

export const SERVER_FRENCH: Readonly<Record<string, string>> = {
  'Nobody uses this server: it ends at %1. What is saved stays.':
    "Personne n'utilise ce serveur : il s'arrête à %1. Ce qui est enregistré reste.",
  'Your server was ended on %1, because nobody had used it.':
    "Votre serveur a été arrêté le %1, parce que personne ne l'utilisait.",
  'Your server was ended on %1, because nobody had used it. Open in it: %2.':
    "Votre serveur a été arrêté le %1, parce que personne ne l'utilisait. Y étaient ouverts : %2.",
  'Your home is full: nothing can be saved. Delete what takes room: %1.':
    'Votre espace est plein : rien ne peut être enregistré. Supprimez ce qui prend de la place : %1.',
  'There is room in your home again: restart your server to work as usual.':
    'Il y a de nouveau de la place : redémarrez votre serveur pour travailler comme avant.',
  'Your home is nearly full: %1 are left.': 'Votre espace est presque plein : il reste %1.',
  'The image is another one: your own packages are built anew for it.':
    "L'image a changé : vos propres paquets sont reconstruits pour elle.",
  'Your own packages do not fit this image: %1':
    'Vos propres paquets ne vont pas avec cette image : %1',
  'a notebook': 'un notebook',
  'The kernel of %1 was ended, because memory ran out: it had at least %2 of %3.':
    'Le noyau de %1 a été arrêté, faute de mémoire : il avait au moins %2 sur %3.',
  'The kernel of %1 was ended by %2.': 'Le noyau de %1 a été arrêté par %2.',
  'The kernel of %1 ended by itself.': "Le noyau de %1 s'est arrêté de lui-même.",
  'Cell [%1] ran: %2': 'La cellule [%1] tournait : %2',
  'Work on a part at a time, delete variables, or start a server with more memory.':
    'Travaillez par morceaux, supprimez des variables, ou démarrez un serveur avec plus de mémoire.',
  'I am here': 'Je suis là',
  'Keep it for some hours': 'Le garder quelques heures',
  'Show my files': 'Voir mes fichiers',
  'Memory %1 of %2': 'Mémoire %1 sur %2',
  'Memory: %1 of %2. Click for the biggest variables.':
    'Mémoire : %1 sur %2. Cliquez pour voir les plus grandes variables.',
  'Home %1': 'Espace %1',
  'Home: %1 left. Click for what fills it.':
    'Espace personnel : il reste %1. Cliquez pour voir ce qui le remplit.',
  Memory: 'Mémoire',
  Home: 'Espace personnel',
  '%1 of %2': '%1 sur %2',
  'set for this server': 'fixés pour ce serveur',
  'granted to this server': 'accordés à ce serveur',
  "the machine's, which others use too": "de la machine, que d'autres utilisent aussi",
  'This server: %1.': 'Ce serveur : %1.',
  Kernels: 'Noyaux',
  'None is running.': "Aucun n'est en marche.",
  'Biggest variables': 'Plus grandes variables',
  'Open a notebook to see its variables.': 'Ouvrez un notebook pour voir ses variables.',
  'The kernel is busy: told when the cell has ended.':
    'Le noyau est occupé : réponse à la fin de la cellule.',
  'Asking…': 'Question posée…',
  'This kernel does not tell its variables.': 'Ce noyau ne dit pas ses variables.',
  'There is none.': "Il n'y en a pas.",
  'The disk is shared with others; your files take %1.':
    "Le disque est partagé avec d'autres ; vos fichiers prennent %1.",
  '%1 are left.': 'Il reste %1.'
};
