/*
 * JSON: a tree read in one pass, and text written from a template.
 *
 * Our own three hundred lines, as both directions lean on memory that needs no freeing: a token list (jsmn) leaves
 * escapes and lookup to every agent, a whole library (yyjson, cJSON) is larger than most agents and frees by hand.
 */

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

/* The contract nests no deeper. */
#define DEPTH_MAX 64
/* Whole numbers up to here keep all their digits in a double. */
#define EXACT_MAX 9007199254740992.0
/* The longest a double gets: sign, 17 digits, point, exponent, NUL. */
#define NUMBER_BYTES 32

/* ---- Reading --------------------------------------------------------------------------------------------- */

typedef struct {
  const char *start, *at;
  const char *wrong;
  unsigned depth;
} reader;

static bool read_value(reader *in, warren_json *value);

static bool fail(reader *in, const char *what) {
  if (!in->wrong) in->wrong = what;
  return false;
}

static void skip_space(reader *in) {
  while (*in->at == ' ' || *in->at == '\t' || *in->at == '\n' || *in->at == '\r') in->at++;
}

static bool read_hex(reader *in, uint32_t *code) {
  *code = 0;
  for (int i = 0; i < 4; i++) {
    char c = *in->at;
    if (!isxdigit((unsigned char)c)) return fail(in, "four hex digits expected");
    *code = *code * 16 + (uint32_t)(isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10);
    in->at++;
  }
  return true;
}

static char *put_utf8(char *out, uint32_t code) {
  if (code == 0 || (code >= 0xD800 && code < 0xE000)) code = 0xFFFD;
  if (code < 0x80) {
    *out++ = (char)code;
  } else if (code < 0x800) {
    *out++ = (char)(0xC0 | code >> 6);
    *out++ = (char)(0x80 | (code & 63));
  } else if (code < 0x10000) {
    *out++ = (char)(0xE0 | code >> 12);
    *out++ = (char)(0x80 | (code >> 6 & 63));
    *out++ = (char)(0x80 | (code & 63));
  } else {
    *out++ = (char)(0xF0 | code >> 18);
    *out++ = (char)(0x80 | (code >> 12 & 63));
    *out++ = (char)(0x80 | (code >> 6 & 63));
    *out++ = (char)(0x80 | (code & 63));
  }
  return out;
}

/* After the backslash. */
static bool read_escape(reader *in, char **out) {
  static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
  char c = *in->at;
  const char *found = c ? strchr(names, c) : NULL;
  if (found) {
    in->at++;
    *(*out)++ = values[found - names];
    return true;
  }
  if (c != 'u') return fail(in, "no such escape");
  in->at++;
  uint32_t code, low;
  if (!read_hex(in, &code)) return false;
  if (code >= 0xD800 && code < 0xDC00 && in->at[0] == '\\' && in->at[1] == 'u') {
    const char *before = in->at;
    in->at += 2;
    if (!read_hex(in, &low)) return false;
    if (low >= 0xDC00 && low < 0xE000) {
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else {
      in->at = before;
    }
  }
  *out = put_utf8(*out, code);
  return true;
}

static const char *read_string(reader *in) {
  const char *end = ++in->at;
  while (*end && *end != '"') end += *end == '\\' && end[1] ? 2 : 1;
  /* Read, a string never gets longer: an escape of six bytes becomes three. */
  char *text = warren_alloc((size_t)(end - in->at) + 1), *out = text;
  while (*in->at != '"') {
    unsigned char c = (unsigned char)*in->at++;
    if (c < 0x20) {
      in->at--;
      fail(in, c ? "a control character in a string" : "the string does not end");
      return NULL;
    }
    if (c != '\\') {
      *out++ = (char)c;
    } else if (!read_escape(in, &out)) {
      return NULL;
    }
  }
  in->at++;
  return text;
}

static bool read_number(reader *in, warren_json *value) {
  const char *at = in->at;
  if (*at == '-') at++;
  if (!isdigit((unsigned char)*at)) return fail(in, "a value expected");
  if (*at == '0' && isdigit((unsigned char)at[1])) return fail(in, "a number begins with 0");
  char *end;
  value->type = WARREN_JSON_NUMBER;
  value->number = strtod(in->at, &end);
  if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) return fail(in, "a hexadecimal number");
  in->at = end;
  return true;
}

/* What lies between brackets; `closing` is the one that ends it. */
static bool read_children(reader *in, warren_json *parent, char closing) {
  if (++in->depth > DEPTH_MAX) return fail(in, "nested deeper than 64");
  warren_json *last = NULL;
  in->at++;
  skip_space(in);
  while (*in->at != closing) {
    warren_json *child = warren_alloc(sizeof *child);
    if (closing == '}') {
      if (*in->at != '"') return fail(in, "a key in quotes expected");
      child->key = read_string(in);
      if (!child->key) return false;
      skip_space(in);
      if (*in->at++ != ':') return in->at--, fail(in, "a colon expected");
    }
    if (!read_value(in, child)) return false;
    if (last) {
      last->next = child;
    } else {
      parent->child = child;
    }
    last = child;
    parent->count++;
    skip_space(in);
    if (*in->at == closing) break;
    if (*in->at != ',') return fail(in, "a comma or the end expected");
    in->at++;
    skip_space(in);
    if (*in->at == closing) return fail(in, "a value expected after the comma");
  }
  in->at++;
  in->depth--;
  return true;
}

static bool read_word(reader *in, const char *word) {
  size_t length = strlen(word);
  if (strncmp(in->at, word, length) != 0) return fail(in, "a value expected");
  in->at += length;
  return true;
}

static bool read_plain(reader *in, warren_json *value) {
  switch (*in->at) {
    case '{': value->type = WARREN_JSON_OBJECT; return read_children(in, value, '}');
    case '[': value->type = WARREN_JSON_ARRAY; return read_children(in, value, ']');
    case '"': value->type = WARREN_JSON_STRING; value->string = read_string(in); return value->string != NULL;
    case 't': value->type = WARREN_JSON_BOOL; value->boolean = true; return read_word(in, "true");
    case 'f': value->type = WARREN_JSON_BOOL; return read_word(in, "false");
    case 'n': return read_word(in, "null");
    default: return read_number(in, value);
  }
}

static bool read_value(reader *in, warren_json *value) {
  skip_space(in);
  value->text = in->at;
  if (!read_plain(in, value)) return false;
  value->text_bytes = (size_t)(in->at - value->text);
  return true;
}

warren_result warren_json_parse(const char *text, const warren_json **json) {
  reader in = {text, text, NULL, 0};
  warren_json *value = warren_alloc(sizeof *value);
  if (read_value(&in, value)) {
    skip_space(&in);
    if (*in.at) fail(&in, "the end expected");
  }
  *json = value;
  if (!in.wrong) return warren_ok();
  warren_result result = {WARREN_BAD_JSON, NULL, 0};
  result.message = warren_text("%s at byte %zu", in.wrong, (size_t)(in.at - in.start));
  return result;
}

const warren_json *warren_out_json(agent_string_t json) {
  const warren_json *value;
  if (warren_json_parse(warren_out(json), &value).kind == WARREN_OK) return value;
  return warren_alloc(sizeof *value);
}

/* ---- Looking --------------------------------------------------------------------------------------------- */

const char *warren_json_text(const warren_json *json) {
  if (!json || !json->text) return "null";
  char *text = warren_alloc(json->text_bytes + 1);
  memcpy(text, json->text, json->text_bytes);
  return text;
}

const warren_json *warren_json_get(const warren_json *object, const char *key) {
  if (!object || object->type != WARREN_JSON_OBJECT) return NULL;
  const warren_json *child = object->child;
  while (child && strcmp(child->key, key) != 0) child = child->next;
  return child;
}

const warren_json *warren_json_at(const warren_json *array, size_t index) {
  const warren_json *child = array ? array->child : NULL;
  while (child && index--) child = child->next;
  return child;
}

/* The member, if it is of the type. */
static const warren_json *typed(const warren_json *object, const char *key, warren_json_type type) {
  const warren_json *member = warren_json_get(object, key);
  return member && member->type == type ? member : NULL;
}

const char *warren_json_string(const warren_json *object, const char *key) {
  const warren_json *member = typed(object, key, WARREN_JSON_STRING);
  return member ? member->string : NULL;
}

double warren_json_number(const warren_json *object, const char *key, double fallback) {
  const warren_json *member = typed(object, key, WARREN_JSON_NUMBER);
  return member ? member->number : fallback;
}

bool warren_json_bool(const warren_json *object, const char *key, bool fallback) {
  const warren_json *member = typed(object, key, WARREN_JSON_BOOL);
  return member ? member->boolean : fallback;
}

static warren_result unfit(const warren_json *object, const char *key, const char *type) {
  const char *how = warren_json_get(object, key) ? "is no" : "is missing, a";
  return warren_reject("the payload does not fit: `%s` %s %s", key, how, type);
}

warren_result warren_want_string(const warren_json *object, const char *key, const char **string) {
  *string = warren_json_string(object, key);
  return *string ? warren_ok() : unfit(object, key, "string");
}

warren_result warren_want_number(const warren_json *object, const char *key, double *number) {
  const warren_json *member = typed(object, key, WARREN_JSON_NUMBER);
  *number = member ? member->number : 0;
  return member ? warren_ok() : unfit(object, key, "number");
}

/* ---- Writing --------------------------------------------------------------------------------------------- */

typedef struct {
  char *text;
  size_t length, bytes;
} writer;

static void put(writer *out, const char *text, size_t length) {
  if (out->bytes - out->length <= length) {
    size_t bytes = (out->length + length + 1) * 2;
    char *grown = warren_alloc(bytes);
    if (out->length) memcpy(grown, out->text, out->length);
    out->text = grown;
    out->bytes = bytes;
  }
  memcpy(out->text + out->length, text, length);
  out->length += length;
  out->text[out->length] = 0;
}

static void put_text(writer *out, const char *text) { put(out, text, strlen(text)); }

static void put_quoted(writer *out, const char *text) {
  if (!text) {
    put_text(out, "null");
    return;
  }
  put(out, "\"", 1);
  while (*text) {
    size_t plain = 0;
    while ((unsigned char)text[plain] >= 0x20 && text[plain] != '"' && text[plain] != '\\') plain++;
    put(out, text, plain);
    text += plain;
    if (!*text) break;
    char escape[8];
    int length = *text == '"' || *text == '\\' ? snprintf(escape, sizeof escape, "\\%c", *text)
                                               : snprintf(escape, sizeof escape, "\\u%04x", *text);
    put(out, escape, (size_t)length);
    text++;
  }
  put(out, "\"", 1);
}

/* The shortest that reads back as the same; what is no number is null. */
static void put_number(writer *out, double number) {
  char digits[NUMBER_BYTES];
  if (!isfinite(number)) {
    put_text(out, "null");
    return;
  }
  if (number == floor(number) && fabs(number) <= EXACT_MAX) {
    snprintf(digits, sizeof digits, "%lld", (long long)number);
  } else {
    for (int precision = 15; precision <= 17; precision++) {
      snprintf(digits, sizeof digits, "%.*g", precision, number);
      if (strtod(digits, NULL) == number) break;
    }
  }
  put_text(out, digits);
}

static void put_integer(writer *out, const char *kind, va_list *args) {
  char digits[NUMBER_BYTES];
  bool is_signed = kind[strlen(kind) - 1] == 'd';
  switch (kind[0] == 'l' ? 1 + (kind[1] == 'l') : kind[0] == 'z' ? 3 : 0) {
    case 0: is_signed ? snprintf(digits, sizeof digits, "%d", va_arg(*args, int))
                      : snprintf(digits, sizeof digits, "%u", va_arg(*args, unsigned)); break;
    case 1: is_signed ? snprintf(digits, sizeof digits, "%ld", va_arg(*args, long))
                      : snprintf(digits, sizeof digits, "%lu", va_arg(*args, unsigned long)); break;
    case 2: is_signed ? snprintf(digits, sizeof digits, "%lld", va_arg(*args, long long))
                      : snprintf(digits, sizeof digits, "%llu", va_arg(*args, unsigned long long)); break;
    default: snprintf(digits, sizeof digits, "%zu", va_arg(*args, size_t));
  }
  put_text(out, digits);
}

/* One directive after its %; how many characters it took. */
static size_t put_directive(writer *out, const char *directive, va_list *args) {
  static const char *const integers[] = {"d", "u", "ld", "lu", "lld", "llu", "zu"};
  switch (*directive) {
    case 's': put_quoted(out, va_arg(*args, const char *)); return 1;
    case 'p': put_text(out, va_arg(*args, const char *)); return 1;
    case 'f': case 'g': put_number(out, va_arg(*args, double)); return 1;
    case '%': put(out, "%", 1); return 1;
    default: break;
  }
  for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
    size_t length = strlen(integers[i]);
    if (strncmp(directive, integers[i], length) == 0) {
      put_integer(out, integers[i], args);
      return length;
    }
  }
  abort(); /* a typing error in the agent: better found at its first turn than never */
}

const char *warren_jsonf(const char *format, ...) {
  writer out = {0};
  va_list args;
  va_start(args, format);
  for (const char *at = format; *at;) {
    size_t plain = strcspn(at, "'%");
    put(&out, at, plain);
    at += plain;
    if (*at == '\'') {
      put(&out, "\"", 1);
      at++;
    } else if (*at == '%') {
      at += 1 + put_directive(&out, at + 1, &args);
    }
  }
  va_end(args);
  return out.text ? out.text : "null";
}
