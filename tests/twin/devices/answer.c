/* twin-answer rim DIR ID		the reference manifest of that id (manifest.h); exit 4: there is none
 * twin-answer ocsp DIR < DER > DER	the answer to an OCSP request (responder.h) */
#include "core/str.h"
#include "manifest.h"
#include "responder.h"
#include "twin.h"

#define NONE	    4
#define REQUEST_MAX 65536

static int print_manifest(const char *id)
{
	_cleanup_free_ char *xml = manifest_make(id);

	if (!xml)
		return NONE;
	return fputs(xml, stdout) < 0 || fflush(stdout) != 0;
}

static int print_answer(void)
{
	_cleanup_free_ uint8_t *request = xmalloc(REQUEST_MAX), *answer = NULL;
	size_t n = fread(request, 1, REQUEST_MAX, stdin);

	answer = responder_answer(request, n, &n);
	return fwrite(answer, 1, n, stdout) != n || fflush(stdout) != 0;
}

int main(int argc, char **argv)
{
	bool rim = argc == 4 && str_eq(argv[1], "rim");

	if (!rim && !(argc == 3 && str_eq(argv[1], "ocsp"))) {
		fputs("usage: twin-answer rim DIR ID | ocsp DIR\n", stderr);
		return 2;
	}
	twin_use(argv[2]);
	return rim ? print_manifest(argv[3]) : print_answer();
}
