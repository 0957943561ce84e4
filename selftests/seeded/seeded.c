// SPDX-License-Identifier: GPL-2.0
/*
 * Deliberate bugs, in a module that only scripts/detectors loads. They prove that
 * the detectors of a kernel are on, and that the test runner fails on a report.
 *
 *   insmod pagebox_seeded.ko bug=NAME
 *
 * triggers the bug NAME once. Some of them crash the kernel.
 */
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#define LEAKED_PAGES 300
#define LEAKED_OBJECTS 10
#define RACES 1000000

static noinline void use_after_free(void)
{
	char *p = kzalloc(64, GFP_KERNEL);

	if (!p)
		return;
	kfree(p);
	OPTIMIZER_HIDE_VAR(p);
	READ_ONCE(*p);
}

static noinline void slab_out_of_bounds(void)
{
	size_t size = 40;
	char *p = kzalloc(size, GFP_KERNEL);

	if (!p)
		return;
	OPTIMIZER_HIDE_VAR(size);
	READ_ONCE(p[size]);
	kfree(p);
}

/* Within the page, so that only KASAN detects it. */
static noinline void vmalloc_out_of_bounds(void)
{
	size_t size = 100;
	char *p = vzalloc(size);

	if (!p)
		return;
	OPTIMIZER_HIDE_VAR(size);
	READ_ONCE(p[size + 4]);
	vfree(p);
}

/* Forming the address one past the end is legal, two past the end is not. */
static noinline void array_out_of_bounds(void)
{
	static int numbers[4];
	int i = ARRAY_SIZE(numbers) + 1;

	OPTIMIZER_HIDE_VAR(i);
	READ_ONCE(numbers[i]);
}

static noinline void lock_inversion(void)
{
	static DEFINE_MUTEX(a);
	static DEFINE_MUTEX(b);

	mutex_lock(&a);
	mutex_lock(&b);
	mutex_unlock(&b);
	mutex_unlock(&a);
	mutex_lock(&b);
	mutex_lock(&a);
	mutex_unlock(&a);
	mutex_unlock(&b);
}

static noinline void sleep_in_atomic(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	might_sleep();
	spin_unlock(&lock);
}

/* Leak several objects: a stale pointer on a stack may hide one. */
static noinline void slab_leak(void)
{
	void *p;
	int i;

	for (i = 0; i < LEAKED_OBJECTS; i++) {
		p = kmalloc(200, GFP_KERNEL);
		OPTIMIZER_HIDE_VAR(p);
	}
}

/* Destroy a cache before its object is freed, as an unload could. */
static noinline void cache_leak(void)
{
	struct kmem_cache *cache;
	void *p;

	cache = kmem_cache_create("pb_seeded", 64, 0, 0, NULL);
	if (!cache)
		return;
	p = kmem_cache_alloc(cache, GFP_KERNEL);
	OPTIMIZER_HIDE_VAR(p);
	kmem_cache_destroy(cache);
}

static noinline void page_leak(void)
{
	struct page *page;
	int i;

	for (i = 0; i < LEAKED_PAGES; i++) {
		page = alloc_page(GFP_KERNEL);
		OPTIMIZER_HIDE_VAR(page);
	}
}

static int raced;

static int racer(void *unused)
{
	while (!kthread_should_stop()) {
		raced++;
		cond_resched();
	}
	return 0;
}

static noinline void race(void)
{
	struct task_struct *task;
	int i;

	task = kthread_run(racer, NULL, "pagebox_racer");
	if (IS_ERR(task))
		return;
	for (i = 0; i < RACES; i++) {
		raced++;
		cond_resched();
	}
	kthread_stop(task);
}

static noinline void refcount_underflow(void)
{
	static refcount_t count;

	refcount_set(&count, 1);
	if (refcount_sub_and_test(2, &count))
		refcount_set(&count, 1);
}

static noinline void bad_list(void)
{
	static LIST_HEAD(head);
	static LIST_HEAD(entry);

	list_add(&entry, &head);
	list_del(&entry);
	list_del(&entry);
}

static const struct {
	const char *name;
	void (*commit)(void);
} bugs[] = {
	{ "use-after-free", use_after_free },
	{ "slab-out-of-bounds", slab_out_of_bounds },
	{ "vmalloc-out-of-bounds", vmalloc_out_of_bounds },
	{ "array-out-of-bounds", array_out_of_bounds },
	{ "lock-inversion", lock_inversion },
	{ "sleep-in-atomic", sleep_in_atomic },
	{ "slab-leak", slab_leak },
	{ "cache-leak", cache_leak },
	{ "page-leak", page_leak },
	{ "data-race", race },
	{ "refcount-underflow", refcount_underflow },
	{ "bad-list", bad_list },
};

static char *bug = "";
module_param(bug, charp, 0);
MODULE_PARM_DESC(bug, "name of the bug to trigger");

static int __init seeded_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(bugs); i++) {
		if (strcmp(bug, bugs[i].name))
			continue;
		bugs[i].commit();
		return 0;
	}
	return -EINVAL;
}

static void __exit seeded_exit(void)
{
}

module_init(seeded_init);
module_exit(seeded_exit);

MODULE_DESCRIPTION("Deliberate bugs for the test runner of pagebox");
MODULE_AUTHOR("The pagebox developers");
MODULE_LICENSE("GPL");
