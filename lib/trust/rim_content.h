/* The content of a manifest out of its XML; what rim_judge() uses for RIM_STRUCTURE. */
#ifndef GN8V_TRUST_RIM_CONTENT_H
#define GN8V_TRUST_RIM_CONTENT_H

#include "trust/rim.h"
#include "trust/xmldoc.h"

/* Reads the document element's direct children by the shape below, with nothing left over. `detached`:
 * the Signature was taken out; else it must still be there, last. ERR_FORMAT.
 *
 *	SoftwareIdentity name tagId corpus patch supplemental version tagVersion
 *	  Entity	name role
 *	  Meta		colloquialVersion product edition revision PayloadType
 *			tcg:BindingSpec ... tcg:PlatformManufacturerId tcg:FirmwareManufacturerId
 *	  Payload
 *	    Resource	x 64: type index active alternatives sha384:Hash0... name size
 *	  Signature
 */
int rim_content_read(enum rim_kind kind, const xmlDoc *doc, bool detached, struct rim_content *ret,
		     struct err *e);

#endif
