// Notices while a page is open: a toast for what somebody calls for, and the installed app's badge.
import { live } from "./live.js";
import { toast } from "./toast.js";

const user = document.body.dataset.userId;
const slug = document.body.dataset.organizationSlug;
let unread = 0;

if (user && slug) {
  live.subscribe(`user:${user}`);
  live.on("frame", ({ kind, data }) => {
    if (kind === "notification.read") {
      unread = 0;
      navigator.clearAppBadge?.();
    }
    if (kind !== "notification.new") return;
    const isOpen = location.pathname.includes(data.conversation);
    if (isOpen && !document.hidden) return;
    unread += 1;
    navigator.setAppBadge?.(unread);
    if (/mentioned you|was not sent|wrote first|gave you/.test(data.title)) {
      toast(data.title, {
        seconds: 12,
        undoLabel: "Open",
        undo: () => location.assign(`/o/${slug}/inbox/${data.conversation}/`),
      });
    }
  });
}
