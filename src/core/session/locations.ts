/** What a browser in a country says of time and language. */
export interface Place {
  /** IANA name of the zone that most of its people live in: https://www.iana.org/time-zones */
  readonly timezone: string;
  /** BCP 47 tag of the language that most of its browsers are set to. */
  readonly locale: string;
}

/** By ISO 3166-1 alpha-2 code, in small letters: https://www.iso.org/iso-3166-country-codes.html */
const places: Readonly<Record<string, readonly [timezone: string, locale: string]>> = {
  ae: ['Asia/Dubai', 'ar-AE'],
  ar: ['America/Argentina/Buenos_Aires', 'es-AR'],
  at: ['Europe/Vienna', 'de-AT'],
  au: ['Australia/Sydney', 'en-AU'],
  be: ['Europe/Brussels', 'nl-BE'],
  bg: ['Europe/Sofia', 'bg-BG'],
  br: ['America/Sao_Paulo', 'pt-BR'],
  ca: ['America/Toronto', 'en-CA'],
  ch: ['Europe/Zurich', 'de-CH'],
  cl: ['America/Santiago', 'es-CL'],
  cn: ['Asia/Shanghai', 'zh-CN'],
  co: ['America/Bogota', 'es-CO'],
  cz: ['Europe/Prague', 'cs-CZ'],
  de: ['Europe/Berlin', 'de-DE'],
  dk: ['Europe/Copenhagen', 'da-DK'],
  ee: ['Europe/Tallinn', 'et-EE'],
  eg: ['Africa/Cairo', 'ar-EG'],
  es: ['Europe/Madrid', 'es-ES'],
  fi: ['Europe/Helsinki', 'fi-FI'],
  fr: ['Europe/Paris', 'fr-FR'],
  gb: ['Europe/London', 'en-GB'],
  gr: ['Europe/Athens', 'el-GR'],
  hk: ['Asia/Hong_Kong', 'zh-HK'],
  hr: ['Europe/Zagreb', 'hr-HR'],
  hu: ['Europe/Budapest', 'hu-HU'],
  id: ['Asia/Jakarta', 'id-ID'],
  ie: ['Europe/Dublin', 'en-IE'],
  il: ['Asia/Jerusalem', 'he-IL'],
  in: ['Asia/Kolkata', 'en-IN'],
  it: ['Europe/Rome', 'it-IT'],
  jp: ['Asia/Tokyo', 'ja-JP'],
  ke: ['Africa/Nairobi', 'en-KE'],
  kr: ['Asia/Seoul', 'ko-KR'],
  lt: ['Europe/Vilnius', 'lt-LT'],
  lu: ['Europe/Luxembourg', 'fr-LU'],
  lv: ['Europe/Riga', 'lv-LV'],
  ma: ['Africa/Casablanca', 'fr-MA'],
  mx: ['America/Mexico_City', 'es-MX'],
  my: ['Asia/Kuala_Lumpur', 'ms-MY'],
  ng: ['Africa/Lagos', 'en-NG'],
  nl: ['Europe/Amsterdam', 'nl-NL'],
  no: ['Europe/Oslo', 'nb-NO'],
  nz: ['Pacific/Auckland', 'en-NZ'],
  pe: ['America/Lima', 'es-PE'],
  ph: ['Asia/Manila', 'en-PH'],
  pk: ['Asia/Karachi', 'en-PK'],
  pl: ['Europe/Warsaw', 'pl-PL'],
  pt: ['Europe/Lisbon', 'pt-PT'],
  ro: ['Europe/Bucharest', 'ro-RO'],
  rs: ['Europe/Belgrade', 'sr-RS'],
  sa: ['Asia/Riyadh', 'ar-SA'],
  se: ['Europe/Stockholm', 'sv-SE'],
  sg: ['Asia/Singapore', 'en-SG'],
  si: ['Europe/Ljubljana', 'sl-SI'],
  sk: ['Europe/Bratislava', 'sk-SK'],
  th: ['Asia/Bangkok', 'th-TH'],
  tr: ['Europe/Istanbul', 'tr-TR'],
  tw: ['Asia/Taipei', 'zh-TW'],
  ua: ['Europe/Kyiv', 'uk-UA'],
  us: ['America/New_York', 'en-US'],
  vn: ['Asia/Ho_Chi_Minh', 'vi-VN'],
  za: ['Africa/Johannesburg', 'en-ZA'],
};

/** Where the country has several zones and a provider tells them apart: by country and what follows. */
const regions: Readonly<Record<string, string>> = {
  'au-perth': 'Australia/Perth',
  'au-brisbane': 'Australia/Brisbane',
  'au-melbourne': 'Australia/Melbourne',
  'ca-vancouver': 'America/Vancouver',
  'ca-bc': 'America/Vancouver',
  'ca-ab': 'America/Edmonton',
  'us-ca': 'America/Los_Angeles',
  'us-or': 'America/Los_Angeles',
  'us-wa': 'America/Los_Angeles',
  'us-west': 'America/Los_Angeles',
  'us-co': 'America/Denver',
  'us-ut': 'America/Denver',
  'us-az': 'America/Phoenix',
  'us-il': 'America/Chicago',
  'us-tx': 'America/Chicago',
  'us-central': 'America/Chicago',
};

const otherNames: Readonly<Record<string, string>> = { uk: 'gb', usa: 'us' };

/**
 * Where a location of a ProxyProvider is. Its names are the provider's own; one that begins with a country's code, alone or before
 * `-` or `_`, in whatever case, is understood: `de`, `US-CA`, `us_west_2`. undefined for all others.
 */
export function placeOf(location: string): Place | undefined {
  const [first = '', second = ''] = location.toLowerCase().split(/[-_]/);
  const country = otherNames[first] ?? first;
  const known = Object.hasOwn(places, country) ? places[country] : undefined;
  if (!known) return undefined;
  const [timezone, locale] = known;
  const region = `${country}-${second}`;
  return { timezone: (Object.hasOwn(regions, region) ? regions[region] : undefined) ?? timezone, locale };
}
