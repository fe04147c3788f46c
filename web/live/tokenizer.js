// Cut a text into WordPiece tokens as BERT's uncased models do; equal to utils/wordpiece.py, piece for piece.
// Loaded as a classic script: a page opened from the disk may load no modules.
(function (live) {
  "use strict";

  const LONGEST_WORD = 100; // characters; longer words become [UNK]
  const SPECIAL = /(\[PAD\]|\[UNK\]|\[CLS\]|\[SEP\]|\[MASK\])/; // in a text they stand for themselves
  const SPACE = /[\t\n\r\p{Z}]/u;
  const CHINESE = /[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/u;
  // Letters with marks that Unicode takes apart since its versions 13 and 16; the library is older and leaves them whole.
  const WHOLE = /([\u{105c9}\u{105e4}\u{11383}\u{11385}\u{1138e}\u{11391}\u{113c5}\u{113c7}\u{113c8}\u{11938}\u{16121}-\u{16128}\u{16d68}-\u{16d6a}])/u;

  // Return a test of whether a character lies in ranges such as "41-5a 61-7a".
  function inRanges(ranges) {
    const written = ranges.replace(/[0-9a-f]+/g, "\\u{$&}").replaceAll(" ", "");
    const pattern = new RegExp(`[${written}]`, "u");
    return (character) => pattern.test(character);
  }

  // Return a text without control characters and accents, in small letters, with spaces around Chinese characters.
  function normalize(text, { isDropped, isAccent }) {
    let cleaned = "";
    for (const character of text) {
      if (SPACE.test(character)) cleaned += " ";
      else if (CHINESE.test(character)) cleaned += ` ${character} `;
      else if (!isDropped(character)) cleaned += character;
    }
    const takenApart = cleaned.split(WHOLE).map((part) => (WHOLE.test(part) ? part : part.normalize("NFD")));
    let plain = "";
    for (const character of takenApart.join("")) {
      if (!isAccent(character)) plain += character.toLowerCase(); // one by one: a final sigma stays as it is
    }
    return plain;
  }

  // Return the words of a normalised text; each punctuation mark is a word of its own.
  function wordsOf(text, { isPunctuation }) {
    const words = [];
    let word = "";
    const close = () => {
      if (word) words.push(word);
      word = "";
    };
    for (const character of text) {
      if (SPACE.test(character)) close();
      else if (isPunctuation(character)) {
        close();
        words.push(character);
      } else word += character;
    }
    close();
    return words;
  }

  // Look for the longest pieces of the vocabulary in a word, from left to right: each try with its
  // place in the word, the last of them unknown if nothing fits there.
  function triesOf(word, ids) {
    const characters = [...word];
    const tries = [];
    for (let start = 0, end = characters.length; start < end; ) {
      const piece = (start ? "##" : "") + characters.slice(start, end).join("");
      const known = ids.has(piece);
      tries.push({ start, end, piece, known });
      [start, end] = known ? [end, characters.length] : [start, end - 1];
    }
    return tries;
  }

  // Cut a word into these pieces, [UNK] if nothing fits anywhere: { word, tries, pieces }.
  function cut(word, ids) {
    const tries = [...word].length > LONGEST_WORD ? [] : triesOf(word, ids);
    const pieces = tries.filter(({ known }) => known).map(({ piece }) => piece);
    return { word, tries, pieces: tries.length && tries[tries.length - 1].known ? pieces : ["[UNK]"] };
  }

  live.Tokenizer = class Tokenizer {
    // vocabulary: the pieces in the order of their ids. characters: as in characters.js.
    constructor(vocabulary, characters) {
      this.ids = new Map(vocabulary.map((piece, id) => [piece, id]));
      this.kinds = {
        isDropped: inRanges(characters.dropped),
        isAccent: inRanges(characters.accents),
        isPunctuation: inRanges(characters.punctuation),
      };
    }

    // Return the tokens of a text, [CLS] and [SEP] among them, at most maxLength of them.
    tokens(text, maxLength = Infinity) {
      const pieces = this.cuts(text).flatMap((one) => one.pieces);
      return ["[CLS]", ...pieces.slice(0, maxLength - 2), "[SEP]"];
    }

    // Return how each word of a text is cut: [{ word, tries, pieces }].
    cuts(text) {
      return text.split(SPECIAL).flatMap((part) => {
        if (SPECIAL.test(part)) return [{ word: part, tries: [], pieces: [part] }];
        return wordsOf(normalize(part, this.kinds), this.kinds).map((word) => cut(word, this.ids));
      });
    }

    // Return the ids of tokens.
    encode(tokens) {
      return tokens.map((token) => this.ids.get(token));
    }
  };
})((globalThis.live ??= {}));
