# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The text of the demo of remote memory, for both machines.

text_bytes=$((96 << 20))
edited_bytes=$((4 << 20))

# text: the numbers from 1 on, in lines.
text()
{
	head -c "$text_bytes" < <(exec seq 1 1000000000 2>/dev/null)
}

# edit: its beginning, with letters for digits.
edit()
{
	head -c "$edited_bytes" < <(text 2>/dev/null) | tr 0-9 a-j
}

edited_text()
{
	edit
	text | tail -c +$((edited_bytes + 1))
}
