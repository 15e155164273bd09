#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOKENS 4096
#define IS_IDENT(c) (isalnum((unsigned char)(c)) || (c) == '_')

typedef enum { TOK_EOF = 0, TOK_IDENT, TOK_NUMBER, TOK_STRING, TOK_PUNCT } token_kind;

struct token {
    token_kind kind;
    const char *start;
    size_t length;
    int line;
};

struct lexer {
    const char *cursor;
    const char *end;
    int line;
    struct token tokens[MAX_TOKENS];
    size_t count;
};

static bool push(struct lexer *lx, token_kind kind, const char *start, const char *end)
{
    if (lx->count >= MAX_TOKENS) {
        errno = ENOBUFS;
        return false;
    }
    lx->tokens[lx->count++] = (struct token){ kind, start, (size_t)(end - start), lx->line };
    return true;
}

/* Skips white space and comments; returns false where a comment is not closed. */
static bool skip_blank(struct lexer *lx)
{
    while (lx->cursor < lx->end) {
        if (*lx->cursor == '\n') {
            lx->line++;
            lx->cursor++;
        } else if (isspace((unsigned char)*lx->cursor)) {
            lx->cursor++;
        } else if (lx->end - lx->cursor > 1 && !strncmp(lx->cursor, "/*", 2)) {
            const char *close = strstr(lx->cursor + 2, "*/");
            if (close == NULL) {
                fprintf(stderr, "line %d: comment is not closed\n", lx->line);
                return false;
            }
            for (const char *p = lx->cursor; p < close; p++)
                lx->line += *p == '\n';
            lx->cursor = close + 2;
        } else {
            break;
        }
    }
    return true;
}

int lex(struct lexer *lx, const char *text, size_t length)
{
    memset(lx, 0, sizeof *lx);
    lx->cursor = text;
    lx->end = text + length;
    lx->line = 1;
    while (skip_blank(lx) && lx->cursor < lx->end) {
        const char *start = lx->cursor;
        token_kind kind = TOK_PUNCT;
        if (isdigit((unsigned char)*start)) {
            kind = TOK_NUMBER;
            while (lx->cursor < lx->end && (isxdigit((unsigned char)*lx->cursor) || *lx->cursor == '.'))
                lx->cursor++;
        } else if (IS_IDENT(*start)) {
            kind = TOK_IDENT;
            while (lx->cursor < lx->end && IS_IDENT(*lx->cursor))
                lx->cursor++;
        } else {
            lx->cursor++;
        }
        if (!push(lx, kind, start, lx->cursor))
            return -1;
    }
    return push(lx, TOK_EOF, lx->end, lx->end) ? 0 : -1;
}
