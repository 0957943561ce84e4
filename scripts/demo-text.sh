# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The text for the demo of remote memory, used by both machines.

text_bytes=$((96 << 20))
edited_bytes=$((4 << 20))

# text: prints the numbers from 1 on, one per line.
text()
{
	head -c "$text_bytes" < <(exec seq 1 1000000000 2>/dev/null)
}

# edit: prints the start of the text, with digits replaced by letters.
edit()
{
	head -c "$edited_bytes" < <(text 2>/dev/null) | tr 0-9 a-j
}

edited_text()
{
	edit
	text | tail -c +$((edited_bytes + 1))
}
