// Texts that must arrive as they were sent.

export const BODIES = {
  'an emoji with joiners': 'crab 🦀, family 👩‍👩‍👧‍👦, flag 🏳️‍🌈',
  'CJK and right to left': '漢字かな交じり文 한국어 العربية עברית',
  'characters of markup': `<>&"' ]]> &amp; <!-- no comment --> <![CDATA[ no section ]]> <?no pi?>`,
  'white space': '  two spaces,\ta tab,\nand a line \n',
  // 20 bytes of UTF-8 each, and more once escaped.
  'a body of 40 KB': 'Ünïcode 🦀 <&> .'.repeat(2048),
};
