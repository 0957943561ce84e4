# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2207
# bash completion for pagebox

# The boxes there are, for root; nobody else can see them.
_pagebox_boxes()
{
	pagebox ls --raw --noheadings --output BOX 2>/dev/null
}

# The processes that map one.
_pagebox_pids()
{
	pagebox map --raw --noheadings --output PID 2>/dev/null | sort -nu
}

# _pagebox_options COMMAND, out of its help
_pagebox_options()
{
	pagebox "$1" --help 2>/dev/null | grep -o -- '--[a-z-]*' | sort -u
}

_pagebox_columns()
{
	pagebox "$1" --help 2>/dev/null | sed -n 's/^  \([A-Z_]*\) .*/\1/p' | sort -u
}

_pagebox()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]} words

	if [ "$COMP_CWORD" -eq 1 ]; then
		words='ls stat map frames --help --version'
	else
		case $before in
		-p|--pid) words=$(_pagebox_pids) ;;
		-o|--output) words=$(_pagebox_columns "$command") ;;
		-N|--per-char|-g|--range|-c|--count) words='' ;;
		*)
			case $word in
			-*) words=$(_pagebox_options "$command") ;;
			*) words=$(_pagebox_boxes) ;;
			esac
			;;
		esac
	fi
	COMPREPLY=($(compgen -W "$words" -- "$word"))
}

complete -F _pagebox pagebox
