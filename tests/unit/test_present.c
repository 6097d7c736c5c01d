#include "present.h"

#include "core/str.h"
#include "suite.h"

/* The words of nvidia-persistenced 550.54.14 to 595.71.05, by its public source. */
START_TEST(a_gpu_that_could_not_be_opened_is_read_off_the_journal)
{
	char address[PCI_ADDRESS_SIZE] = "";

	ck_assert(present_failed("device 0000:0f:00.0 - failed to open.", address));
	ck_assert_str_eq(address, "0000:0f:00.0");
	ck_assert(present_failed("device 00fe:c1:1f.7 - failed to open.", address));
	ck_assert_str_eq(address, "00fe:c1:1f.7");
}
END_TEST

START_TEST(other_words_are_no_failure)
{
	static const char *const words[] = {
		"",
		"device 0000:0f:00.0 - registered",
		"device 0000:0f:00.0 - failed to close.",
		"device 0000:0f:00.0 - persistence mode enabled.",
		"device 0000:0f:00.0 - Could not Enable UVM Persistence mode : 0x56",
		"Failed to open libnvidia-cfg.so.1: libnvidia-cfg.so.1: cannot open shared object file",
		"device  - failed to open.",
		"device - failed to open.",
		"my device 0000:0f:00.0 - failed to open.",
		"device of somebody else - failed to open.",
		"device 0000:0f:00.0000000000000000000000000000000000000000 - failed to open.",
	};
	char address[PCI_ADDRESS_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		ck_assert_msg(!present_failed(words[i], address), "%s", words[i]);
}
END_TEST

/* As the journal is read, the newest first. */
START_TEST(of_a_gpu_the_last_word_counts)
{
	struct pci_gpus gpus = { .n = 3 };
	struct present p = { .gpus = &gpus };

	str_copy(gpus.v[0], PCI_ADDRESS_SIZE, "0000:0d:00.0");
	str_copy(gpus.v[1], PCI_ADDRESS_SIZE, "0000:0e:00.0");
	str_copy(gpus.v[2], PCI_ADDRESS_SIZE, "0000:0f:00.0");
	present_message("device 0000:0e:00.0 - persistence mode enabled.", &p);
	present_message("device 0000:0d:00.0 - failed to open.", &p);
	present_message("device 0000:0f:00.0 - persistence mode enabled.", &p);
	present_message("device 0000:0e:00.0 - failed to open.", &p);
	present_message("device 0000:0d:00.0 - persistence mode enabled.", &p);
	present_message("device 0000:0d:00.0 - registered", &p);
	ck_assert(p.missing[0]);
	ck_assert(!p.missing[1]);
	ck_assert(!p.missing[2]);
}
END_TEST

SUITE("present", of_a_gpu_the_last_word_counts, a_gpu_that_could_not_be_opened_is_read_off_the_journal, other_words_are_no_failure)
