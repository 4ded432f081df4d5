import CQuickJS
