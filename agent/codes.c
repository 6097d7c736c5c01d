#include "codes.h"

#define X(name, code, class, who, hint) \
	const struct err_kind name = { code, ERR_CLASS_##class, who, hint };
CODES(X)
#undef X
