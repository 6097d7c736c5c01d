/* twin-devices DIR [DRIVER...]	keys, chains and golden values of a twin's devices, into
 *				DIR/state/devices (device.h); keys and chains are made once
 * twin-devices --rim ID	golden values of a reference manifest (measure.h) */
#include <sys/stat.h>

#include "device.h"
#include "manifest.h"
#include "measure.h"
#include "twin.h"

static int print_manifest(const char *id)
{
	_cleanup_json_ struct json_object *o = measure_manifest(id);

	if (!o) {
		fprintf(stderr, "twin-devices: no simulated device asks for %s\n", id);
		return 1;
	}
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	return 0;
}

static void write_manifest(char *id)
{
	_cleanup_free_ char *part = xasprintf("devices/rims/%s.json", id), *path = twin_state(part);
	_cleanup_json_ struct json_object *o = measure_manifest(id);

	twin_write(path, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	free(id);
}

int main(int argc, char **argv)
{
	_cleanup_json_ struct json_object *devices = NULL;
	_cleanup_free_ char *rims = NULL;
	struct json_object *gpus, *switches;

	if (argc == 3 && strcmp(argv[1], "--rim") == 0)
		return print_manifest(argv[2]);
	if (argc < 2 || argv[1][0] == '-') {
		fputs("usage: twin-devices DIR [DRIVER...] | --rim ID\n", stderr);
		return 2;
	}
	twin_use(argv[1]);
	devices = twin_devices();
	gpus = json_get(devices, "gpus");
	switches = json_get(devices, "switches");
	device_make_all();
	manifest_make_chains();
	rims = twin_state("devices/rims");
	mkdir(rims, 0755);
	for (int i = 2; i < argc; i++)
		write_manifest(measure_driver_id(argv[i]));
	for (size_t i = 0; i < json_count(gpus); i++)
		write_manifest(measure_vbios_id(json_str(json_item(gpus, i), "vbios", "")));
	for (size_t i = 0; i < json_count(switches); i++)
		write_manifest(measure_bios_id(json_str(json_item(switches, i), "vbios", "")));
	return 0;
}
